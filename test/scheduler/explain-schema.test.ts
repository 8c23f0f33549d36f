/** `explain -o json` keeps the promise of the README's JSON schema: one entry a node, at any size. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/index.ts';
import { decisionData } from '../../src/cli/scheduler-explain.ts';
import {
  type Decision,
  DecisionStore,
  explainDecision,
  unseenBecause,
  World,
  whyDecision,
} from '../../src/scheduler/index.ts';
import { cycleOver, makeNode, makePod } from './objects.ts';

interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer';
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

const readme = readFileSync(new URL('../../src/scheduler/README.md', import.meta.url), 'utf8');
const schema: Schema = JSON.parse(/```json\n(\{[\s\S]*?\n\})\n```/.exec(readme)![1]!);

/** What is not as the schema says; every object of it is closed. */
function problems(
  value: unknown,
  { type, enum: values, required = [], properties = {}, items }: Schema,
  at = '',
): string[] {
  if (values) return values.includes(value) ? [] : [`${at}: ${value}`];
  switch (type) {
    case 'string':
      return typeof value === 'string' ? [] : [`${at} is no string`];
    case 'integer':
      return Number.isInteger(value) ? [] : [`${at} is no integer: ${value}`];
    case 'array':
      if (!Array.isArray(value)) return [`${at} is no list`];
      return value.flatMap((entry, i) => problems(entry, items!, `${at}[${i}]`));
    default: {
      if (typeof value !== 'object' || value === null) return [`${at} is no object`];
      const missing = required.filter((key) => !(key in value)).map((key) => `${at}.${key} is missing`);
      const wrong = Object.entries(value).flatMap(([key, entry]) =>
        key in properties ? problems(entry, properties[key]!, `${at}.${key}`) : [`${at}.${key} is unknown`],
      );
      return [...missing, ...wrong];
    }
  }
}

/** As it comes from the server's records to the user's pipe. */
function printed(decision: Decision): any {
  const store = new DecisionStore();
  store.record(decision);
  const [kept] = store.of('default', decision.pod.name);
  return JSON.parse(JSON.stringify(decisionData({ ...kept!, nodes: kept!.nodes }, unseenBecause)));
}

const taints = [{ key: 'gpu', value: 'true', effect: 'NoSchedule' }];
const cluster = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    makeNode(`node-${i}`, { cpu: String(1 + (i % 4)), ...(i % 5 === 2 && { taints }) }),
  );

describe('the JSON of explain', () => {
  it('has one entry for each of 5,000 nodes: refused, scored or left out by sampling', () => {
    const { decision } = cycleOver(cluster(5000)).run(makePod('web', { requests: { cpu: '2' } }));
    const data = printed(decision);
    expect(problems(data, schema)).toEqual([]);
    expect(data.nodes.map(({ name }: any) => name)).toEqual(Array.from({ length: 5000 }, (_, i) => `node-${i}`));
    const kinds = { filter: 0, scores: 0, skipped: 0 };
    for (const node of data.nodes) {
      const [kind, ...others] = (Object.keys(kinds) as (keyof typeof kinds)[]).filter((key) => node[key] !== undefined);
      expect(others).toEqual([]);
      kinds[kind!]++;
      if (node.skipped) expect(node.skipped).toBe('Sampling');
      if (!node.scores) continue;
      expect(node.scores.reduce((sum: number, { weighted }: any) => sum + weighted, 0)).toBe(node.total);
    }
    expect(kinds.scores).toBe(data.feasible);
    expect(kinds.filter).toBeGreaterThan(0);
    expect(kinds.skipped).toBeGreaterThan(0);
  });

  it('tells of nodes that PreFilter left out, and of a pod that it refused as a whole', () => {
    const affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] }],
        },
      },
    };
    const data = printed(cycleOver(cluster(3)).run(makePod('pinned', { affinity })).decision);
    expect(problems(data, schema)).toEqual([]);
    const seen = data.nodes.map(({ name, filter, total }: any) => [name, filter?.detail ?? typeof total]);
    expect(seen).toEqual([
      ['node-0', 'PreFilter left it out'],
      ['node-1', 'number'],
      ['node-2', 'PreFilter left it out'],
    ]);
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'nope' } }];
    const refused = printed(new World({ nodes: cluster(2) }).try(makePod('lost', { volumes })).decision);
    expect(problems(refused, schema)).toEqual([]);
    expect(refused.preFilter[0].reasons).toEqual(['persistentvolumeclaim "nope" not found']);
    expect(refused.nodes.map(({ skipped }: any) => skipped)).toEqual(['PreFilter', 'PreFilter']);
  });

  it('says of a pod for which room was made that its node alone was tried', () => {
    const nominated = { ...makePod('vip'), status: { nominatedNodeName: 'node-1' } } as Pod;
    const { decision } = cycleOver(cluster(3)).run(nominated);
    expect(problems(printed(decision), schema)).toEqual([]);
    expect(printed(decision).nodes.map(({ skipped }: any) => skipped)).toEqual(['Nominated', undefined, 'Nominated']);
    const said = 'room had been made for the pod on node-1, so it was tried first and no other node was looked at';
    expect(explainDecision(decision).story.join(' ')).toContain(`R${said.slice(1)}.`);
    expect(whyDecision(decision).sentence).toBe(`It went to node-1: ${said}.`);
  });

  it('is as the schema says when nothing fits, too', () => {
    const data = printed(cycleOver(cluster(20)).run(makePod('huge', { requests: { cpu: '9' } })).decision);
    expect(problems(data, schema)).toEqual([]);
    expect(data.nodes.every(({ filter }: any) => filter.reasons.length > 0)).toBe(true);
    expect(problems({ ...data, feasible: 1.5, more: true }, schema)).toEqual([
      '.feasible is no integer: 1.5',
      '.more is unknown',
    ]);
  });
});
