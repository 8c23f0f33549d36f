/** Expressions, what they come to, and what it costs: data in `expressions.yaml`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { declTypeOf } from '../../../src/apimachinery/cel/decl-type.ts';
import { CelEnvironment } from '../../../src/apimachinery/cel/environment.ts';
import { schemaValue } from '../../../src/apimachinery/cel/schema-values.ts';
import type { JSONSchemaProps } from '../../../src/apimachinery/cel/types.ts';
import {
  CelFailure,
  CelList,
  CelMap,
  formatValue,
  Optional,
  Uint,
  type Value,
} from '../../../src/apimachinery/cel/values.ts';
import { decodeYaml } from '../../../src/apimachinery/index.ts';

interface Case {
  readonly expr: string;
  readonly is?: unknown;
  readonly fails?: string;
  readonly issue?: string;
  readonly cost?: number;
}

interface Table {
  readonly schema: JSONSchemaProps;
  readonly self: unknown;
  readonly groups: Readonly<Record<string, readonly Case[]>>;
}

const [document] = decodeYaml(readFileSync(join(import.meta.dirname, 'expressions.yaml'), 'utf8'));
const table = document!.value as unknown as Table;
const decl = declTypeOf(table.schema, false)!;
const environment = new CelEnvironment({
  variables: { self: decl.type, oldSelf: decl.type },
  declTypes: [decl],
});
const self = schemaValue(table.self, table.schema);

function toJson(value: Value): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (value instanceof CelList) return value.items.map(toJson);
  if (value instanceof CelMap) {
    return Object.fromEntries(value.keys().map((key) => [formatValue(key), toJson(value.get(key)!)]));
  }
  if (value instanceof Optional) return value.value === undefined ? 'none' : [toJson(value.value)];
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof CelFailure) return { failure: value.message };
  return formatValue(value);
}

for (const [group, cases] of Object.entries(table.groups)) {
  describe(group, () => {
    for (const { expr, is, fails, issue, cost } of cases) {
      it(expr, () => {
        const { compiled, issues, planError } = environment.compile(expr);
        if (issue !== undefined) {
          expect(issues).toBe(issue.trimEnd());
          return;
        }
        expect(issues ?? planError).toBeUndefined();
        const result = compiled!.program.evaluate((name) => (name === 'self' ? self : undefined), 1_000_000);
        if (fails !== undefined) expect(toJson(result.value)).toEqual({ failure: fails });
        else expect(toJson(result.value)).toEqual(is ?? true);
        if (cost !== undefined) expect(result.cost).toBe(cost);
      });
    }
  });
}
