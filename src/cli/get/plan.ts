/** What `get` is asked for, and what it works out before it asks the server. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { ResourceDescription } from '../../client/index.ts';
import type { OutputFormat } from '../printers/output-format.ts';
import type { TableOptions } from '../printers/table.ts';
import type { ResourceTarget } from '../resource-args.ts';

export interface GetRequest {
  readonly words: readonly string[];
  readonly output?: string;
  readonly template?: string;
  readonly allowMissingKeys?: boolean;
  readonly allNamespaces?: boolean;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly sortBy?: string;
  readonly watch?: boolean;
  readonly watchOnly?: boolean;
  readonly outputWatchEvents?: boolean;
  readonly showLabels?: boolean;
  readonly showKind?: boolean;
  readonly labelColumns?: readonly string[];
  readonly noHeaders?: boolean;
  readonly ignoreNotFound?: boolean;
  /** Default 500; 0 = everything at once. */
  readonly chunkSize?: number;
  readonly showManagedFields?: boolean;
  readonly subresource?: string;
  readonly raw?: string;
  /** Objects of `-f` files: they are fetched by kind and name. */
  readonly objects?: readonly KubeObject[];
  /** Default true: the server computes the columns. */
  readonly serverPrint?: boolean;
}

/** Where a command writes: `out` data exactly as given, `err` lines of talk. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (line: string) => void;
}

/** What `get` works out before it asks the server. */
export interface GetPlan {
  readonly request: GetRequest;
  readonly format: OutputFormat;
  readonly targets: readonly ResourceTarget[];
  readonly single: boolean;
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

/** Options of a table of one resource. */
export function tableOptionsOf(plan: GetPlan, resource: ResourceDescription, withKind: boolean): TableOptions {
  const { request, format } = plan;
  const kind = resource.kind.toLowerCase();
  return {
    wide: format.kind === 'table' && format.wide,
    noHeaders: request.noHeaders,
    withNamespace: request.allNamespaces && resource.namespaced,
    kindPrefix: withKind || request.showKind ? (resource.group ? `${kind}.${resource.group}` : kind) : undefined,
    labelColumns: request.labelColumns,
    showLabels: request.showLabels,
  };
}
