/** Probes, lifecycle hooks, ports. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  type FieldErrorList,
  type FieldPath,
  isHttpHeaderName,
  isPortName,
  isPortNumber,
} from '../../../../apimachinery/index.ts';
import type { Container, ContainerPort, LifecycleHandler, PodSpec, Probe } from '../../../types.ts';
import {
  invalidEach,
  supportedProtocols,
  validateEnum,
  validateNonNegative,
  validatePortNumberOrName,
} from '../../../validation.ts';
import { validateStopSignal } from './validation-host.ts';

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;

const moreThanOneHandler = 'may not specify more than 1 handler type';

function validateHandler(
  handler: Handler,
  gracePeriodSeconds: number | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  let handlers = 0;
  /** Runs `check` for the first handler given and forbids the others. */
  const only = <Action>(name: string, action: Action | undefined, check: (action: Action, at: FieldPath) => void) => {
    if (action === undefined || action === null) return;
    if (handlers++ > 0) errors.forbidden(path.child(name), moreThanOneHandler);
    else check(action, path.child(name));
  };
  only('exec', handler.exec, (action, at) => {
    if ((action.command ?? []).length === 0) errors.required(at.child('command'));
  });
  only('httpGet', handler.httpGet, (action, at) => {
    if (!action.path) errors.required(at.child('path'));
    validatePortNumberOrName(action.port, at.child('port'), errors);
    const schemes = ['HTTP', 'HTTPS'];
    if (!schemes.includes(action.scheme ?? '')) errors.notSupported(at.child('scheme'), action.scheme ?? '', schemes);
    for (const header of action.httpHeaders ?? []) {
      invalidEach(isHttpHeaderName(header.name), header.name, at.child('httpHeaders'), errors);
    }
  });
  only('tcpSocket', handler.tcpSocket, (action, at) => validatePortNumberOrName(action.port, at.child('port'), errors));
  only('grpc', handler.grpc, (action, at) => validatePortNumberOrName(action.port, at.child('port'), errors));
  only('sleep', handler.sleep, (action, at) => {
    if (gracePeriodSeconds === undefined || (action.seconds >= 0 && action.seconds <= gracePeriodSeconds)) return;
    const detail = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriodSeconds})`;
    errors.invalid(at, action.seconds, detail);
  });
  if (handlers === 0) errors.required(path, 'must specify a handler type');
}

function validateProbe(
  probe: Probe,
  gracePeriodSeconds: number | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  validateHandler(probe, gracePeriodSeconds, path, errors);
  validateNonNegative(probe.initialDelaySeconds, path.child('initialDelaySeconds'), errors);
  validateNonNegative(probe.timeoutSeconds, path.child('timeoutSeconds'), errors);
  validateNonNegative(probe.periodSeconds, path.child('periodSeconds'), errors);
  validateNonNegative(probe.successThreshold, path.child('successThreshold'), errors);
  validateNonNegative(probe.failureThreshold, path.child('failureThreshold'), errors);
  const period = probe.terminationGracePeriodSeconds;
  if (period !== undefined && period <= 0) {
    errors.invalid(path.child('terminationGracePeriodSeconds'), period, 'must be greater than 0');
  }
}

/** Lifecycle and the three probes of a container that keeps running. */
export function validateRunningContainer(
  container: Container,
  spec: Readonly<PodSpec>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const gracePeriodSeconds = spec.terminationGracePeriodSeconds;
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = lifecycle?.[hook];
    if (handler) validateHandler(handler, gracePeriodSeconds, path.child('lifecycle', hook), errors);
  }
  validateStopSignal(lifecycle?.stopSignal, spec.os, path.child('lifecycle', 'stopSignal'), errors);
  const once = (probe: Probe | undefined, name: string) => {
    if (!probe) return;
    validateProbe(probe, gracePeriodSeconds, path.child(name), errors);
    if (probe.successThreshold !== 1) {
      errors.invalid(path.child(name, 'successThreshold'), probe.successThreshold ?? 0, 'must be 1');
    }
  };
  once(livenessProbe, 'livenessProbe');
  if (readinessProbe) {
    const at = path.child('readinessProbe');
    validateProbe(readinessProbe, gracePeriodSeconds, at, errors);
    const period = readinessProbe.terminationGracePeriodSeconds;
    if (period !== undefined) {
      errors.invalid(at.child('terminationGracePeriodSeconds'), period, 'must not be set for readinessProbes');
    }
  }
  once(startupProbe, 'startupProbe');
}

export function validateContainerPorts(
  ports: readonly ContainerPort[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const names = new Set<string>();
  for (const [index, port] of (ports ?? []).entries()) {
    const at = path.index(index);
    if (port.name) {
      const messages = isPortName(port.name);
      invalidEach(messages, port.name, at.child('name'), errors);
      if (messages.length === 0 && names.has(port.name)) errors.duplicate(at.child('name'), port.name);
      names.add(port.name);
    }
    if (!port.containerPort) errors.required(at.child('containerPort'));
    else invalidEach(isPortNumber(port.containerPort), port.containerPort, at.child('containerPort'), errors);
    if (port.hostPort) invalidEach(isPortNumber(port.hostPort), port.hostPort, at.child('hostPort'), errors);
    validateEnum(port.protocol, supportedProtocols, at.child('protocol'), errors);
  }
}

/** One host port only once among `containers`. */
export function validateHostPortConflicts(
  containers: readonly Container[],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const seen = new Set<string>();
  for (const [index, container] of containers.entries()) {
    for (const [portIndex, port] of (container.ports ?? []).entries()) {
      if (!port.hostPort) continue;
      const key = `${port.protocol ?? ''}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (seen.has(key)) errors.duplicate(path.index(index).child('ports').index(portIndex).child('hostPort'), key);
      seen.add(key);
    }
  }
}
