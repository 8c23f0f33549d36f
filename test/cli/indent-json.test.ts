import { expect, it } from 'vitest';
import { indentJson } from '../../src/cli/apply/last-applied.ts';

it('indents JSON without touching its strings and numbers', () => {
  const text = '{"a":{},"b":[ ],"c":[1.0,"x, {y}\\"","\\u003c"],"d":null}\n';
  const indented = indentJson(text);
  expect(indented).toBe(
    '{\n  "a": {},\n  "b": [],\n  "c": [\n    1.0,\n    "x, {y}\\"",\n    "\\u003c"\n  ],\n  "d": null\n}\n',
  );
  expect(JSON.parse(indented)).toEqual(JSON.parse(text));
});
