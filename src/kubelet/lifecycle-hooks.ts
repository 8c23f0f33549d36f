/** postStart and preStop. Upstream: pkg/kubelet/lifecycle/handlers.go. */
import type { Clock } from '../base/index.ts';
import { expand } from './expansion.ts';
import type { Container, ProbeHandler } from './pod-types.ts';
import { resolvePort } from './probe-actions.ts';
import type { ContainerRuntime } from './runtime/types.ts';

export interface HookTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIP: string;
}

/** HTTP hooks wait this long at most; exec hooks as long as they run. */
const httpTimeoutMs = 30_000;

/** @throws Error saying how the hook failed. */
export async function runHook(
  runtime: ContainerRuntime,
  clock: Clock,
  hook: ProbeHandler,
  target: HookTarget,
): Promise<void> {
  if (hook.exec) {
    const literal = (name: string) =>
      target.container.env?.find((variable) => variable.name === name && !variable.valueFrom)?.value;
    const command = (hook.exec.command ?? []).map((part) => expand(part, literal));
    const { exitCode, stdout, stderr } = await runtime.execSync(target.containerId, command, 0);
    if (exitCode !== 0) {
      throw new Error(
        `Exec lifecycle hook failed: command '${command.join(' ')}' exited with ${exitCode}: ${stderr}, message: "${stdout}${stderr}"`,
      );
    }
  } else if (hook.httpGet) {
    const { scheme, host, port, path, httpHeaders } = hook.httpGet;
    const headers: Record<string, string> = { 'user-agent': 'kube-lifecycle/1.36', accept: '*/*' };
    for (const header of httpHeaders ?? []) headers[header.name.toLowerCase()] = header.value;
    const { status } = await runtime.probes.http(
      {
        scheme: scheme?.toLowerCase() === 'https' ? 'https' : 'http',
        host: host || target.podIP,
        port: resolvePort(port, target.container),
        path: path || '/',
        headers,
      },
      httpTimeoutMs,
    );
    if (status >= 400) throw new Error(`HTTP lifecycle hook failed: status code ${status}`);
  } else if (hook.sleep) {
    await clock.sleep(hook.sleep.seconds * 1000);
  } else {
    throw new Error('invalid handler: cannot run handler');
  }
}
