/** Prose on terminals and in pipes. */
import { describe, expect, it } from 'vitest';
import { paragraph } from '../../src/cli/output.ts';

const text = '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No victims.';

describe('prose', () => {
  it('is one line where there is no terminal, or one that is too narrow to read', () => {
    expect(paragraph(text, undefined, 2)).toBe(`  ${text}`);
    expect(paragraph(text, 20)).toBe(text);
  });

  it('ends its lines between words, and none is wider than the terminal', () => {
    expect(paragraph(text, 60, 2)).toBe(
      ['  0/3 nodes are available: 3 Insufficient cpu. preemption:', '    0/3 nodes are available: 3 No victims.'].join(
        '\n',
      ),
    );
    for (let width = 40; width < 120; width++) {
      const lines = paragraph(text, width, 2).split('\n');
      expect(lines.every((line) => line.length <= width)).toBe(true);
      expect(lines.map((line) => line.trim()).join(' ')).toBe(text);
    }
  });

  it('leaves a word alone that is wider than the terminal', () => {
    const word = 'x'.repeat(50);
    expect(paragraph(`a ${word} b`, 40)).toBe(`a\n  ${word}\n  b`);
  });
});
