/** Published facts of Kubernetes 1.36, where they stand beside the repository; tests that need them skip without. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../shared/facts');

export const factsAtHand = existsSync(join(folder, 'openapi-v2-swagger.json'));

export function readFact<T>(path: string): T {
  return JSON.parse(readFileSync(join(folder, path), 'utf8')) as T;
}

export const whyFactsSkip = 'the published facts of Kubernetes are not at hand';
