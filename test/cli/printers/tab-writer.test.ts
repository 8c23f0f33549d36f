import { describe, expect, it } from 'vitest';
import { describeTabs, runeCount, TabWriter, tableTabs } from '../../../src/cli/printers/tab-writer.ts';

function aligned(text: string, options = tableTabs): string {
  const out = new TabWriter(options);
  out.write(text);
  return out.flush();
}

describe('tab writer', () => {
  it('pads columns to their widest cell and leaves the last cell alone', () => {
    expect(aligned('NAME\tREADY\nweb-0\t1/1\nlonger-name\t0/1\n')).toBe(
      'NAME          READY\nweb-0         1/1\nlonger-name   0/1\n',
    );
  });

  it('keeps the padding before an empty last cell, as kubectl prints it', () => {
    expect(aligned('A\tB\nx\t\n')).toBe('A     B\nx     \n');
  });

  it('makes no column narrower than six, padding included', () => {
    expect(aligned('a\tb\tc\n')).toBe('a     b     c\n');
  });

  it('aligns every run of lines by itself', () => {
    const text = 'Name:\tweb\nLabels:\tapp=web\nheading\nA long label:\tx\n';
    expect(aligned(text, describeTabs)).toBe('Name:    web\nLabels:  app=web\nheading\nA long label:  x\n');
  });

  it('aligns an inner column only over lines that have it', () => {
    const text = 'a\tb\tc\nd\te\nlong\tf\tg\n';
    expect(aligned(text, { minWidth: 0, padding: 1 })).toBe('a    b c\nd    e\nlong f g\n');
  });

  it('counts code points, not bytes and not surrogates', () => {
    expect(runeCount('ü😀')).toBe(2);
    expect(aligned('😀😀😀😀\tx\nabcd\ty\n')).toBe('😀😀😀😀   x\nabcd   y\n');
  });

  it('never narrows a column from one flush to the next until told to forget', () => {
    const out = new TabWriter(tableTabs);
    out.write('a-long-name\t1\n');
    out.flush();
    out.write('b\t2\n');
    expect(out.flush()).toBe('b             2\n');
    out.forgetWidths();
    out.write('b\t2\n');
    expect(out.flush()).toBe('b     2\n');
  });
});
