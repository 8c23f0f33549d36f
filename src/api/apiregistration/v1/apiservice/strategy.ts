/** Upstream: kube-aggregator/pkg/{registry/apiservice,apis/apiregistration/validation} (1.36). */
import { isDns1035Label, isDns1123Subdomain, isPathSegmentName, isPortNumber } from '../../../../apimachinery/index.ts';
import { rfc3339 } from '../../../../base/index.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { type Place, rules } from '../../../place.ts';

function validateService(spec: Place): void {
  const service = spec.child('service');
  const [bundle, insecure] = [spec.child('caBundle'), spec.child('insecureSkipTLSVerify')];
  if (!service.isSet) {
    if (!bundle.isEmpty) {
      const bytes = Buffer.byteLength(bundle.text, 'base64');
      bundle.invalid('local APIServices may not have a caBundle', `${bytes} bytes`);
    }
    if (!insecure.isEmpty) insecure.invalid('local APIServices may not have insecureSkipTLSVerify');
    return;
  }
  service.child('namespace').named();
  service.child('name').named();
  const port = service.child('port');
  const messages = isPortNumber(port.number);
  if (messages.length > 0) port.invalid(`port is not valid: ${messages.join(', ')}`, port.number);
  if (!insecure.isEmpty && !bundle.isEmpty) insecure.invalid('may not be true if caBundle is present');
}

function validateApiService(object: Place): void {
  const spec = object.child('spec');
  const [group, version] = [spec.child('group'), spec.child('version')];
  const name = object.child('metadata', 'name');
  const required = `${version.text}.${group.text}`;
  if (isPathSegmentName(name.text).length === 0 && name.text !== required) {
    name.invalid(`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(required)}`);
  }
  if (group.text === '' && version.text !== 'v1') {
    group.required('only v1 may have an empty group and it better be legacy kube');
  }
  group.maybe(isDns1123Subdomain);
  version.matches(isDns1035Label);
  for (const [field, limit] of [
    ['groupPriorityMinimum', 20_000],
    ['versionPriority', 1000],
  ] as const) {
    const { number } = spec.child(field);
    if (number <= 0 || number > limit) {
      spec.child(field).invalid(`must be positive and less than ${limit}`, number);
    }
  }
  validateService(spec);
}

export const apiServiceStrategy: Strategy = {
  validateName: (name) => isPathSegmentName(name),
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    if (object['spec'].service) setIfAbsent(object['spec'].service, 'port', 443);
  },
  // Services of its own the server makes for what it serves itself; they say so at once.
  prepareForCreate(object, context) {
    if (object['spec']?.service !== undefined) return;
    object['status'] = {
      conditions: [
        {
          type: 'Available',
          status: 'True',
          lastTransitionTime: rfc3339(context.now),
          reason: 'Local',
          message: 'Local APIServices are always available',
        },
      ],
    };
  },
  ...rules(validateApiService, validateApiService, (object) => {
    for (const condition of object.items('status', 'conditions')) {
      const status = condition.child('status');
      const values = ['False', 'True', 'Unknown'];
      if (!values.includes(status.text)) status.notSupported(values);
    }
  }),
};
