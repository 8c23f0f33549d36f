/** What `what-if` is asked and tells. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { Decision } from '../decision/record.ts';
import type { PatchOp, PatchTarget } from './patch.ts';

export type ChangeKind =
  | 'Gate'
  | 'SchedulerName'
  | 'Pin'
  | 'Request'
  | 'Toleration'
  | 'Constraint'
  | 'Node'
  | 'Eviction'
  | 'NewNode';

export interface Change {
  readonly kind: ChangeKind;
  /** `lower its request of cpu by 300m, from 1 to 700m` */
  readonly summary: string;
  /** Where the dry run put the pod. */
  readonly node: string;
  /** What is patched or deleted; absent for a new node. */
  readonly target?: PatchTarget;
  /** A JSON patch of the target. */
  readonly patch?: readonly PatchOp[];
  /** The target goes. */
  readonly delete?: true;
  /** The node to add. */
  readonly manifest?: KubeObject;
  /** Ready to be run. */
  readonly commands: readonly string[];
  readonly note?: string;
}

export interface WhatIf {
  readonly pod: { readonly namespace: string; readonly name: string };
  /** What the scheduler would decide as things are; of a pod that is somewhere, without itself. */
  readonly now: Decision;
  /** The node it should go to. */
  readonly wanted?: string;
  readonly changes: readonly Change[];
  /** What is in the way that no change of a pod or a node helps, in words. */
  readonly beyond?: string;
  /** Dry runs made. */
  readonly trials: number;
}

export interface WhatIfOptions {
  readonly node?: string;
  /** Owner whose template the pod was made from. */
  readonly owner?: Readonly<KubeObject>;
  readonly signal?: AbortSignal;
  /** Most dry runs of one kind of change. Default 24. */
  readonly trialsPerKind?: number;
}
