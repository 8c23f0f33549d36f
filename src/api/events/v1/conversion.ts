/**
 * events.k8s.io/v1 is served on what core/v1 stores: the same fields under other names.
 * Upstream: pkg/apis/events/v1/conversion.go.
 */
import type { KubeObject } from '../../../apimachinery/index.ts';

/** events.k8s.io/v1 name → core/v1 name. */
const fieldNames: readonly (readonly [string, string])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

function rename(object: KubeObject, from: string, to: string): void {
  if (object[from] === undefined) return;
  object[to] = object[from];
  delete object[from];
}

export function eventToCore(object: KubeObject): void {
  for (const [eventsName, coreName] of fieldNames) rename(object, eventsName, coreName);
  object.apiVersion = 'v1';
}

export function eventFromCore(object: KubeObject): void {
  for (const [eventsName, coreName] of fieldNames) rename(object, coreName, eventsName);
  object.apiVersion = 'events.k8s.io/v1';
}
