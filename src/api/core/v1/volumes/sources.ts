/**
 * Volume sources that pods and persistent volumes have in common, one check a source. Upstream:
 * pkg/apis/core/validation/validation.go (1.36), `validate<Source>VolumeSource`.
 */
import { isDns1123Label, isDns1123Subdomain, nameIsDnsLabel } from '../../../../apimachinery/index.ts';
import { nameRule, type Place } from '../../../place.ts';
import { inclusiveRange } from '../../../validation.ts';

export type SourceCheck = (source: Place, owner: SourceOwner) => void;

export interface SourceOwner {
  /** Name of the volume or of the persistent volume. */
  readonly name: string;
  /** A persistent volume's source: secrets carry their namespace. */
  readonly persistent?: boolean;
  /** A pod, not a template: image volumes must name their image. */
  readonly isPod?: boolean;
}

const maxDriverName = 63;
const portals =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

export function validateDriverName(name: Place): void {
  if (name.text === '') {
    name.required();
    return;
  }
  if (name.text.length > maxDriverName) name.tooLong(maxDriverName);
  name.messages(isDns1123Subdomain(name.text.toLowerCase()));
}

export function noBacksteps(path: Place): void {
  if (path.text.split('/').includes('..')) path.invalid("must not contain '..'");
}

/** Relative and without `..`. */
export function localDescending(path: Place): void {
  if (path.text.startsWith('/')) path.invalid('must be a relative path');
  noBacksteps(path);
}

const needs =
  (...fields: string[]): SourceCheck =>
  (source) => {
    for (const field of fields) if (source.child(field).isEmpty) source.child(field).required();
  };

/** `secretRef` needs a name, and a namespace where the volume has none. */
function validateSecretRef(source: Place, owner: SourceOwner): void {
  const reference = source.child('secretRef');
  if (!reference.isSet) return;
  reference.child('name').named();
  if (owner.persistent) reference.child('namespace').named();
}

const partitioned =
  (name: string): SourceCheck =>
  (source) => {
    source.child(name).named();
    const partition = source.child('partition');
    if (partition.number < 0 || partition.number > 255) partition.invalid(inclusiveRange(1, 255));
  };

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

const iscsiForms: readonly (readonly [string, RegExp])[] = [
  ['iqn', /^iqn\.\d{4}-\d{2}\.([a-z0-9-.]+)(:([^,;*&$|\s]+))?$/i],
  ['eui', /^eui.[0-9a-fA-F]{16}$/],
  ['naa', /^naa.[0-9a-fA-F]{32}$/],
];

function validateInitiator(name: Place, persistent: boolean): void {
  const form = iscsiForms.find(([prefix]) => name.text.startsWith(prefix));
  if (form === undefined) {
    name.invalid(persistent ? 'must be valid format' : 'must be valid format starting with iqn, eui, or naa');
  } else if (!form[1].test(name.text)) name.invalid('must be valid format');
}

function validateIscsi(source: Place, owner: SourceOwner): void {
  const persistent = owner.persistent === true;
  const portal = source.child('targetPortal');
  const initiator = source.child('initiatorName');
  portal.named();
  if (initiator.isSet && `${owner.name}:${portal.text}`.length > 64 && persistent) {
    source.child('targetportal').as(portal.text).invalid(portals);
  }
  const iqn = source.child('iqn');
  if (iqn.text === '') iqn.required();
  else validateInitiator(iqn, persistent);
  source.child('lun').between(0, 255);
  const secret = source.child('secretRef');
  if ((source.value.chapAuthDiscovery || source.value.chapAuthSession) && !secret.isSet) secret.required();
  if (persistent && secret.isSet) secret.child('name').named();
  if (initiator.isSet) validateInitiator(source.child('initiatorname').as(initiator.text), persistent);
}

/** `SecretReference`s of CSI volumes. */
function validateCsi(source: Place, owner: SourceOwner): void {
  validateDriverName(source.child('driver'));
  if (!owner.persistent) {
    const secret = source.child('nodePublishSecretRef');
    if (!secret.isSet) return;
    const name = secret.child('name');
    if (name.text === '') name.required();
    else source.child('name').as(name.text).matches(isDns1123Subdomain);
    return;
  }
  source.child('volumeHandle').named();
  for (const step of ['controllerPublish', 'controllerExpand', 'nodePublish', 'nodeExpand']) {
    const secret = source.child(`${step}SecretRef`);
    if (!secret.isSet) continue;
    secret.child('name').named(isDns1123Subdomain);
    secret.child('namespace').named(isDns1123Label);
  }
}

function validateFlex(source: Place): void {
  source.child('driver').named();
  for (const [key, option] of source.child('options').entries()) {
    const namespace = `.${(key.includes('/') ? key.slice(0, key.indexOf('/')) : key).toLowerCase()}`;
    if (namespace.endsWith('.kubernetes.io') || namespace.endsWith('.k8s.io')) {
      option.invalid('kubernetes.io and k8s.io namespaces are reserved', key);
    }
  }
}

function validateAzureDisk(source: Place): void {
  needs('diskName', 'diskURI')(source, { name: '' });
  source.child('cachingMode').maybeOneOf(['None', 'ReadOnly', 'ReadWrite']);
  const [kind, uri] = [source.child('kind'), source.child('diskURI')];
  kind.maybeOneOf(['Dedicated', 'Managed', 'Shared']);
  if (kind.value === 'Managed' && !uri.text.startsWith('/subscriptions/')) {
    uri.notSupported([
      '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
    ]);
  } else if (kind.isSet && kind.value !== 'Managed' && !uri.text.startsWith('https://')) {
    uri.notSupported(['https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd']);
  }
}

const hostPorts = 'must be a host:port pair or multiple pairs separated by commas';

function validateQuobyte(source: Place): void {
  const registry = source.child('registry');
  if (registry.text === '') registry.required(hostPorts);
  else if (source.child('tenant').text.length >= 65) {
    source.child('tenant').required('must be a UUID and may not exceed a length of 64 characters');
  } else {
    for (const pair of registry.text.split(',')) {
      if (!/^(\[[^\]]*\]|[^:]*):[^:]*$/.test(pair)) registry.invalid(hostPorts);
    }
  }
  source.child('volume').named();
}

function validateFibreChannel(source: Place): void {
  const [wwns, wwids, lun] = [source.child('targetWWNs'), source.child('wwids'), source.child('lun')];
  if (wwns.list.length === 0 && wwids.list.length === 0) {
    wwns.required('must specify either targetWWNs or wwids, but not both');
  }
  if (wwns.list.length === 0) return;
  if (wwids.list.length > 0) wwns.invalid('targetWWNs and wwids can not be specified simultaneously');
  if (!lun.isSet) lun.required('lun is required if targetWWNs is specified');
  else if (lun.number < 0 || lun.number > 255) lun.invalid(inclusiveRange(0, 255));
}

function validateStorageOs(source: Place, owner: SourceOwner): void {
  source.child('volumeName').named(isDns1123Label);
  source.child('volumeNamespace').maybe(isDns1123Label);
  validateSecretRef(source, owner);
}

/** Keyed by field, in the order upstream looks at them. Pods and persistent volumes add their own. */
export const volumeSourceChecks: Readonly<Record<string, SourceCheck>> = {
  hostPath(source) {
    const path = source.child('path');
    if (path.text === '') {
      path.required();
      return;
    }
    noBacksteps(path);
    source.child('type').maybeOneOf(hostPathTypes);
  },
  // The path lacks a part upstream too.
  gcePersistentDisk: partitioned('pdName'),
  awsElasticBlockStore: partitioned('volumeID'),
  glusterfs(source) {
    needs('endpoints', 'path')(source, { name: '' });
    const namespace = source.child('endpointsNamespace');
    if (!namespace.isSet) return;
    if (namespace.text === '') {
      namespace.invalid('if the endpointnamespace is set, it must be a valid namespace name');
    } else namespace.matches(nameRule(nameIsDnsLabel));
  },
  flocker(source) {
    const [name, uuid] = [source.child('datasetName'), source.child('datasetUUID')];
    if (name.text === '' && uuid.text === '') source.required('one of datasetName and datasetUUID is required');
    if (name.text !== '' && uuid.text !== '') {
      source.invalid('datasetName and datasetUUID can not be specified simultaneously', 'resource');
    }
    if (name.text.includes('/')) name.invalid("must not contain '/'");
  },
  nfs(source) {
    needs('server', 'path')(source, { name: '' });
    const path = source.child('path');
    if (!path.text.startsWith('/')) path.invalid('must be an absolute path', path.text);
  },
  iscsi: validateIscsi,
  rbd: needs('monitors', 'image'),
  cinder(source, owner) {
    source.child('volumeID').named();
    validateSecretRef(source, owner);
  },
  cephfs: needs('monitors'),
  quobyte: validateQuobyte,
  fc: validateFibreChannel,
  flexVolume: validateFlex,
  azureFile(source, owner) {
    needs('secretName', 'shareName')(source, owner);
    const namespace = source.child('secretNamespace');
    if (owner.persistent && namespace.isSet) namespace.named();
  },
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk: validateAzureDisk,
  scaleIO: needs('gateway', 'system', 'volumeName'),
  storageos: validateStorageOs,
  csi: validateCsi,
};

/** Upstream's path of a source where it is not the field's name: inside it, and when there is one too many. */
const innerNames: Readonly<Record<string, string>> = { gcePersistentDisk: 'persistentDisk' };
const outerNames: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

/** Exactly one source of those in `checks`; the first is looked into, the others forbidden. */
export function validateOneSource(
  holder: Place,
  checks: Readonly<Record<string, SourceCheck>>,
  owner: SourceOwner,
): void {
  let sources = 0;
  for (const [field, check] of Object.entries(checks)) {
    const source = holder.child(field);
    if (!source.isSet) continue;
    if (sources++ > 0) holder.child(outerNames[field] ?? field).forbidden('may not specify more than 1 volume type');
    else check(innerNames[field] ? holder.child(innerNames[field]).as(source.value) : source, owner);
  }
  if (sources === 0) holder.required('must specify a volume type');
}
