/** Upstream: pkg/registry/apiserverinternal, pkg/apis/apiserverinternal/validation/validation.go (1.36). */
import { isDns1035Label, isDns1123Subdomain, nameIsDnsSubdomain } from '../../../apimachinery/index.ts';
import type { ResourceDefinition } from '../../definition.ts';
import { nameRule, type Place, rules } from '../../place.ts';
import { ageOf, nameOfRow, printer } from '../../printing.ts';
import { row } from '../../row.ts';

const prefixed = (prefix: string, messages: readonly string[]): string[] =>
  messages.map((message) => `${prefix}${message}`);

function nameProblems(name: string): string[] {
  const dot = name.lastIndexOf('.');
  if (dot < 0) return ['name must be in the form of <group>.<resource>'];
  return [
    ...prefixed('the group segment ', isDns1123Subdomain(name.slice(0, dot))),
    ...prefixed('the resource segment ', isDns1035Label(name.slice(dot + 1))),
  ];
}

function apiVersionProblems(text: string): string[] {
  const parts = text.split('/');
  if (parts.length > 2) return ["an apiVersion is a DNS-1035 label with an optional DNS subdomain prefix and '/'"];
  const version = parts.at(-1)!;
  const errors: string[] = [];
  if (parts.length === 2) {
    const group = parts[0]!;
    errors.push(
      ...(group === '' ? ['group part: must be non-empty'] : prefixed('group part: ', isDns1123Subdomain(group))),
    );
  }
  errors.push(
    ...(version === '' ? ['version part: must be non-empty'] : prefixed('version part: ', isDns1035Label(version))),
  );
  return errors;
}

const apiVersion = (place: Place): void => {
  const messages = apiVersionProblems(place.text);
  if (messages.length > 0) place.invalid(messages.join(','), place.text);
};

function validateServer(server: Place): void {
  server.child('apiServerID').matches(nameRule(nameIsDnsSubdomain));
  const encoding = server.child('encodingVersion');
  const decodable = server.child('decodableVersions');
  apiVersion(encoding);
  for (const version of decodable.items()) apiVersion(version);
  if (!decodable.list.includes(encoding.text)) {
    decodable.invalid(`decodableVersions must include encodingVersion ${encoding.text}`, decodable.list);
  }
  for (const version of server.items('servedVersions')) {
    apiVersion(version);
    if (decodable.list.includes(version.text)) continue;
    version.invalid(
      `individual served version : ${version.text} must be included in decodableVersions : [${decodable.list.join(' ')}]`,
    );
  }
}

function validateStatus(object: Place): void {
  const status = object.child('status');
  const servers = status.child('storageVersions');
  const seen = new Set<string>();
  for (const server of servers.items()) {
    const id = server.child('apiServerID');
    if (seen.has(id.text)) id.duplicate();
    seen.add(id.text);
    validateServer(server);
  }
  const encodings = new Set<string>(servers.list.map((server) => server.encodingVersion ?? ''));
  const [common] = encodings.size === 1 ? encodings : [];
  const claimed = status.child('commonEncodingVersion');
  if (common === undefined && claimed.isSet) {
    claimed.invalid(
      'should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet',
    );
  } else if (common !== undefined && !claimed.isSet) {
    claimed.invalid(`the common encoding version is ${common}`, null);
  } else if (claimed.value !== common) claimed.invalid(`the actual common encoding version is ${common}`);
  for (const [index, condition] of status.items('conditions').entries()) {
    const at = status.index(index).as(condition.value);
    at.child('type').qualified();
    at.child('status').qualified();
    at.child('reason').named();
    at.child('message').named();
  }
}

export const storageVersionResource: ResourceDefinition = row(
  {
    group: 'internal.apiserver.k8s.io',
    version: 'v1alpha1',
    schemaPrefix: 'io.k8s.api.apiserverinternal.v1alpha1',
  },
  {
    kind: 'StorageVersion',
    idle: 'the server writes no objects of this kind',
    plural: 'storageversions',
    cluster: true,
    default: false,
    featureGate: 'StorageVersionAPI',
    subresources: ['status'],
    strategy: {
      validateName: (name) => nameProblems(name),
      ...rules(validateStatus, () => {}, validateStatus),
    },
    printer: printer('Name:name, CommonEncodingVersion, StorageVersions, Age', (object, context) => [
      nameOfRow(object),
      object['status']?.commonEncodingVersion ?? '<unset>',
      ((object['status']?.storageVersions ?? []) as { apiServerID: string; encodingVersion: string }[])
        .map((server) => `${server.apiServerID}=${server.encodingVersion}`)
        .join(',') || '<none>',
      ageOf(object, context),
    ]),
  },
);
