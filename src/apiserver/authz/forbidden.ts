import { newForbidden, type StatusError } from '../../apimachinery/index.ts';
import type { AuthorizationAttributes } from '../types.ts';

/** Upstream: apiserver/pkg/endpoints/handlers/responsewriters/errors.go. */
export function forbidden(attributes: AuthorizationAttributes, reason: string): StatusError {
  const text = escapeMarkup(forbiddenText(attributes));
  return newForbidden(
    { group: attributes.apiGroup, resource: attributes.resource },
    attributes.name,
    reason === '' ? text : `${text}: ${reason}`,
  );
}

function forbiddenText(attributes: AuthorizationAttributes): string {
  const user = JSON.stringify(attributes.user.name);
  if (!attributes.resourceRequest) {
    return `User ${user} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}`;
  }
  const resource =
    attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
  const scope = attributes.namespace === '' ? 'at the cluster scope' : `in the namespace "${attributes.namespace}"`;
  return `User ${user} cannot ${attributes.verb} resource ${JSON.stringify(resource)} in API group "${attributes.apiGroup}" ${scope}`;
}

/** Errors must not look like HTML to browsers. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
