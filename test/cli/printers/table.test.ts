import { describe, expect, it } from 'vitest';
import { TabWriter, tableTabs } from '../../../src/cli/printers/tab-writer.ts';
import { type Table, type TableOptions, TablePrinter } from '../../../src/cli/printers/table.ts';

const columns = [
  { name: 'Name', type: 'string', format: 'name' },
  { name: 'Ready', type: 'string' },
  { name: 'Restarts', type: 'integer' },
  { name: 'IP', type: 'string', priority: 1 },
];

function table(...rows: unknown[][]): Table {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    columnDefinitions: columns,
    rows: rows.map((cells) => ({
      cells,
      object: { metadata: { name: cells[0], namespace: 'shop', labels: { app: 'web', 'example.com/tier': 'front' } } },
    })),
  };
}

function printed(tables: readonly Table[], options: TableOptions = {}, event?: string): string {
  const out = new TabWriter(tableTabs);
  const printer = new TablePrinter(options);
  for (const one of tables) printer.print(one, out, event);
  return out.flush();
}

describe('table printer', () => {
  it('prints the columns of priority 0, and all of them with wide', () => {
    expect(printed([table(['web-0', '1/1', 0, '10.0.0.1'])])).toBe('NAME    READY   RESTARTS\nweb-0   1/1     0\n');
    expect(printed([table(['web-0', '1/1', 0, '10.0.0.1'])], { wide: true })).toBe(
      'NAME    READY   RESTARTS   IP\nweb-0   1/1     0          10.0.0.1\n',
    );
  });

  it('prints headers once for tables with the same columns, and none for an empty one', () => {
    expect(printed([table()])).toBe('');
    expect(printed([table(['a', '1/1', 0]), table(['b', '1/1', 0])]).match(/NAME/g)).toHaveLength(1);
  });

  it('takes the columns of the last table for one without, as events of a watch come', () => {
    const event: Table = { ...table(['b', '0/1', 2]), columnDefinitions: [] };
    expect(printed([table(), event])).toBe('NAME   READY   RESTARTS\nb      0/1     2\n');
  });

  it('puts namespace first, label columns and labels last', () => {
    const options = { withNamespace: true, labelColumns: ['example.com/tier', 'nope'], showLabels: true };
    expect(printed([table(['web-0', '1/1', 0])], options)).toBe(
      'NAMESPACE   NAME    READY   RESTARTS   TIER    NOPE   LABELS\n' +
        'shop        web-0   1/1     0          front          app=web,example.com/tier=front\n',
    );
  });

  it('puts the kind before names when several kinds are shown', () => {
    expect(printed([table(['web', '1/1', 0])], { kindPrefix: 'deployment.apps', noHeaders: true })).toBe(
      'deployment.apps/web   1/1   0\n',
    );
  });

  it('cuts a cell at a line break and shows escape characters', () => {
    expect(printed([table(['a\nb', '\x1b[31m', null])], { noHeaders: true })).toBe('a...   ^[[31m   \n');
  });

  it('begins lines with the event when asked', () => {
    expect(printed([table(['a', '1/1', 0])], {}, 'ADDED')).toBe(
      'EVENT      NAME   READY   RESTARTS\nADDED      a      1/1     0\n',
    );
  });
});
