/** Columns of tables: names, formats, priorities and what they say of themselves. */
import { expect, test } from 'vitest';
import { builtinResources, type Column, resourcesFor } from '../../src/api/index.ts';

const everything = resourcesFor({ runtimeConfig: 'api/all=true', featureGates: { AllAlpha: true, AllBeta: true } });
const columnsOf = (kind: string): readonly Column[] =>
  builtinResources.find((row) => row.kind === kind)!.printer.columns;
const described = (kind: string, name: string) => columnsOf(kind).find((column) => column.name === name)?.description;

/** Upstream asks the docs of metadata for the handler, where there is none; the models have no words for the other. */
const withoutWords = ['RuntimeClass Handler', 'PodGroup Policy'];

test('every column has a description', () => {
  const silent = everything.flatMap((row) =>
    row.printer.columns.filter(({ description }) => !description).map(({ name }) => `${row.kind} ${name}`),
  );
  expect(silent.filter((text) => !withoutWords.includes(text))).toEqual([]);
});

test('descriptions are those of the fields that columns show', () => {
  expect(described('Pod', 'Name')).toMatch(/^Name must be unique within a namespace\./);
  expect(described('Pod', 'Age')).toMatch(/^CreationTimestamp is a timestamp representing the server time/);
  expect(described('Pod', 'Ready')).toBe('The aggregate readiness state of this pod for accepting traffic.');
  expect(described('Pod', 'IP')).toMatch(/^podIP address allocated to the pod\./);
  expect(described('Node', 'Internal-IP')).toMatch(/^List of addresses reachable to the node\./);
  expect(described('DaemonSet', 'Node Selector')).toMatch(/^NodeSelector is a selector which must be true/);
  expect(described('LimitRange', 'Created At')).toBe(described('Pod', 'Age'));
});

test('wide columns and formats are upstream’s', () => {
  const short = (kind: string) =>
    columnsOf(kind).map(({ name, format, priority }) => `${name}${format ? `:${format}` : ''}${priority ? '*' : ''}`);
  expect(short('Event').slice(-2)).toEqual(['Count*', 'Name:name*']);
  expect(short('PriorityClass')).toEqual(['Name:name', 'Value', 'Global-Default', 'Age', 'PreemptionPolicy']);
});
