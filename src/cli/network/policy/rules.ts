/** `klab network policy rules`: NetworkPolicies as the nftables rules of one node. Works on any cluster. */
import { type PolicyTable, policyLines, policyRules, policyScript } from '../../../net/index.ts';
import { UserError } from '../../exit-codes.ts';
import { printData } from '../../output.ts';
import type { Session } from '../../session.ts';
import { type PolicyClusterWorld, readPolicyWorld } from './world.ts';

export interface PolicyRulesRequest {
  /** Default: the first node by name. */
  readonly node?: string;
  /** `namespace/name`, or a name in the session's namespace: the rules as if it were the only policy. */
  readonly policy?: string;
  readonly explain?: boolean;
  readonly output?: 'json' | 'yaml';
}

export async function policyRulesScript(session: Session, request: PolicyRulesRequest): Promise<string> {
  const world = await readPolicyWorld(session);
  const { node, table } = tableOf(session, request, world);
  if (request.output === undefined) return policyScript(table, { node, explain: request.explain ?? false });
  const lines = policyLines(table);
  return printData({ node, lines: request.explain ? lines : lines.map(({ line }) => ({ line })) }, request.output);
}

/** @throws UserError when there is no such node or policy. */
export function tableOf(
  session: Session,
  request: PolicyRulesRequest,
  world: PolicyClusterWorld,
): { node: string; table: PolicyTable } {
  const node = request.node ?? world.nodes[0];
  if (node === undefined) throw new UserError('the cluster has no nodes');
  if (!world.nodes.includes(node)) throw new UserError(`nodes "${node}" not found`);
  const policies = chosen(session.namespace, request.policy, world);
  return { node, table: policyRules({ ...world, policies }, node) };
}

function chosen(namespace: string, wanted: string | undefined, { policies }: PolicyClusterWorld) {
  if (wanted === undefined) return policies;
  const [where, name] = wanted.includes('/') ? wanted.split('/', 2) : [namespace, wanted];
  const found = policies.filter(({ metadata }) => metadata?.namespace === where && metadata?.name === name);
  if (found.length === 0) {
    throw new UserError(`networkpolicies.networking.k8s.io "${name}" not found in namespace "${where}"`);
  }
  return found;
}
