/** `klab network policy rules --diff`: the rules that should be, against an earlier revision or what a node's nft lists. */
import { existsSync, readFileSync } from 'node:fs';
import { DumpError, type ListedTable, parseNftRuleset } from '../../../net/index.ts';
import type { Difference } from '../../../proxy/index.ts';
import { UserError } from '../../exit-codes.ts';
import { printData } from '../../output.ts';
import type { Session } from '../../session.ts';
import { type PolicyRulesRequest, tableOf } from './rules.ts';
import { readPolicyWorld } from './world.ts';

/** `against` is a revision, a file, or `-` for standard input. @throws UserError for what is neither. */
export async function policyRulesDiff(
  session: Session,
  request: PolicyRulesRequest,
  against: string,
): Promise<{ text: string; same: boolean }> {
  const { compareRuleSets, nftTableRuleSet } = await import('../../../proxy/index.ts');
  const revision = /^\d+$/.test(against) && !existsSync(against);
  const now = await readPolicyWorld(session);
  const { node, table } = tableOf(session, request, now);
  const other = revision
    ? tableOf(session, { ...request, node }, { ...(await readPolicyWorld(session, against)), nodes: now.nodes }).table
    : readDump(against);
  const differences = compareRuleSets(nftTableRuleSet(table), nftTableRuleSet(other));
  const what = revision ? `revision ${against}` : against === '-' ? 'the dump' : against;
  const same = differences.length === 0;
  if (request.output !== undefined)
    return { text: printData({ node, against: what, differences }, request.output), same };
  return { text: differencesText(`policy rules of node ${node} against ${what}`, differences), same };
}

function readDump(file: string): ListedTable {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch {
    throw new UserError(`--diff takes a revision or the file of a dump; there is no file "${file}"`);
  }
  try {
    const found = parseNftRuleset(text).find(({ family, name }) => family === 'inet' && name === 'klab-policies');
    if (!found) throw new UserError(`${file}: there is no table inet klab-policies in it`);
    return found;
  } catch (error) {
    if (error instanceof DumpError) throw new UserError(`${file}: ${error.message}`);
    throw error;
  }
}

const headings: Readonly<Record<Difference['kind'], readonly [string, string]>> = {
  missing: ['+', 'missing from'],
  extra: ['-', 'more than there should be in'],
  stale: ['-', 'nobody wants any more'],
  order: [' ', 'in another order:'],
};

function differencesText(title: string, differences: readonly Difference[]): string {
  if (differences.length === 0) return `${title}: no differences\n`;
  const lines = differences.flatMap(({ kind, place, items }) => {
    const [sign, heading] = headings[kind];
    const told = items.map(({ text, line }) => `  ${sign} ${text}${line === undefined ? '' : `  (line ${line})`}`);
    return [`${heading} ${place}`, ...(told.length > 0 ? told : [`  ${sign} the empty chain or set`])];
  });
  return `${[`${title}:`, ...lines].join('\n')}\n`;
}
