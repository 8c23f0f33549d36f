/** Every default plugin has its row in the README's parity table, and tests that see what it says or scores. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { defaultPlugins } from '../../src/scheduler/config/defaults.ts';

const root = join(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'src/scheduler/README.md'), 'utf8');
const rows = readme.split('\n').filter((line) => line.startsWith('|'));
const tests = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.ts') && name !== 'default-plugins.test.ts')
  .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  .join('\n');

/** What tests show of plugins they do not name: words of theirs alone. */
const words: Readonly<Record<string, string>> = {
  SchedulingGates: 'waiting for scheduling gates',
  PrioritySort: 'prioritySort',
  NodeUnschedulable: 'node(s) were unschedulable',
  NodeName: 'match the requested node name',
  NodePorts: 'have free ports',
  VolumeRestrictions: 'had no available disk',
  NodeVolumeLimits: 'node(s) exceed max volume count',
  VolumeBinding: 'did not have enough free storage',
  VolumeZone: 'topology.kubernetes.io/zone',
  InterPodAffinity: 'match pod affinity rules',
  DefaultPreemption: 'preemption: 0/3 nodes are available',
  DefaultBinder: 'Successfully assigned',
  NodeDeclaredFeatures: "match Pod's required features",
};

for (const { name } of defaultPlugins) {
  it(`${name} is in the table and under test`, () => {
    expect(rows.some((row) => new RegExp(`\\b${name}\\b`).test(row))).toBe(true);
    expect(tests).toContain(words[name] ?? name);
  });
}
