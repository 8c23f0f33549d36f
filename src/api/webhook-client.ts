/** Where a webhook is called. Upstream: apiserver/pkg/util/webhook/validation.go (1.36). */
import { isDns1123Subdomain, isPortNumber } from '../apimachinery/index.ts';
import type { Place } from './place.ts';

const form = '; desired format: https://host[/path]';

function validateUrl(place: Place): void {
  let url: URL;
  try {
    url = new URL(place.text);
  } catch {
    // Go reads text without a scheme as a path.
    if (/^[^\s:]*$/.test(place.text)) {
      place.invalid(`'https' is the only allowed URL scheme${form}`, '');
      place.invalid(`host must be specified${form}`, '');
    } else
      place.required(`url must be a valid URL: parse ${JSON.stringify(place.text)}: invalid URI for request${form}`);
    return;
  }
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https') place.invalid(`'https' is the only allowed URL scheme${form}`, scheme);
  if (url.host === '') place.invalid(`host must be specified${form}`, '');
  if (url.username !== '' || url.password !== '') {
    const user = url.password === '' ? url.username : `${url.username}:${url.password}`;
    place.invalid('user information is not permitted in the URL', user);
  }
  if (url.hash.length > 1) place.invalid('fragments are not permitted in the URL', url.hash.slice(1));
  if (url.search.length > 1) place.invalid('query parameters are not permitted in the URL', url.search.slice(1));
}

function validatePath(path: Place): void {
  const { text } = path;
  if (text === '' || text === '/') return;
  if (text === '//') {
    path.invalid('segment[0] may not be empty');
    return;
  }
  if (!text.startsWith('/')) path.invalid("must start with a '/'");
  const rest = text.slice(1);
  const steps = (rest.endsWith('/') ? rest.slice(0, -1) : rest).split('/');
  for (const [index, step] of steps.entries()) {
    if (step === '') path.invalid(`segment[${index}] may not be empty`);
    else path.messages(isDns1123Subdomain(step).map((message) => `segment[${index}]: ${message}`));
  }
}

/** Either a URL or a service. */
export function validateWebhookClient(client: Place): void {
  const [url, service] = [client.child('url'), client.child('service')];
  if (url.isSet === service.isSet) {
    client.required('exactly one of url or service is required');
    return;
  }
  if (url.isSet) {
    validateUrl(url);
    return;
  }
  service.child('name').named();
  service.child('namespace').named();
  const port = service.child('port');
  const messages = isPortNumber(port.number);
  if (messages.length > 0) port.invalid(`port is not valid: ${messages.join(', ')}`, port.number);
  validatePath(service.child('path'));
}
