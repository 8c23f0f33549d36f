import { controllerOf, parseGroupVersion } from '../../../apimachinery/index.ts';
import { ageOf, containerCells, labelText, nameOfRow, printer, selectorText } from '../../printing.ts';
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../../types.ts';

export const deploymentPrinter = printer(
  'Name:name, Ready, Up-to-date, Available, Age, Containers*, Images*, Selector*',
  (object, context) => {
    const { spec, status } = object as Readonly<Deployment>;
    return [
      nameOfRow(object),
      `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
      status?.updatedReplicas ?? 0,
      status?.availableReplicas ?? 0,
      ageOf(object, context),
      ...containerCells(spec?.template.spec?.containers),
      selectorText(spec?.selector),
    ];
  },
);

export const replicaSetPrinter = printer(
  'Name:name, Desired:integer, Current:integer, Ready:integer, Age, Containers*, Images*, Selector*',
  (object, context) => {
    const { spec, status } = object as Readonly<ReplicaSet>;
    return [
      nameOfRow(object),
      spec?.replicas ?? 0,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      ageOf(object, context),
      ...containerCells(spec?.template?.spec?.containers),
      selectorText(spec?.selector),
    ];
  },
);

export const statefulSetPrinter = printer('Name:name, Ready, Age, Containers*, Images*', (object, context) => {
  const { spec, status } = object as Readonly<StatefulSet>;
  return [
    nameOfRow(object),
    `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ageOf(object, context),
    ...containerCells(spec?.template.spec?.containers),
  ];
});

export const daemonSetPrinter = printer(
  'Name:name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, Node Selector, Age, Containers*, Images*, Selector*',
  (object, context) => {
    const { spec, status } = object as Readonly<DaemonSet>;
    return [
      nameOfRow(object),
      status?.desiredNumberScheduled ?? 0,
      status?.currentNumberScheduled ?? 0,
      status?.numberReady ?? 0,
      status?.updatedNumberScheduled ?? 0,
      status?.numberAvailable ?? 0,
      labelText(spec?.template.spec?.nodeSelector),
      ageOf(object, context),
      ...containerCells(spec?.template.spec?.containers),
      selectorText(spec?.selector),
    ];
  },
);

export const controllerRevisionPrinter = printer('Name:name, Controller, Revision, Age', (object, context) => {
  const revision = object as Readonly<ControllerRevision>;
  const owner = controllerOf(object);
  let controller = '<none>';
  if (owner !== undefined) {
    const { group } = parseGroupVersion(owner.apiVersion);
    const kind = owner.kind.toLowerCase();
    controller = `${group === '' ? kind : `${kind}.${group}`}/${owner.name}`;
  }
  return [nameOfRow(object), controller, revision.revision, ageOf(object, context)];
});
