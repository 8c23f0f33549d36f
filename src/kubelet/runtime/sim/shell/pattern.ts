/** Shell patterns (`*`, `?`, `[…]`) as regular expressions, built by characters; a backslash takes the next one as it is. */
export function patternToRegExp(pattern: string, options: { readonly wholePath?: boolean } = {}): RegExp {
  const any = options.wholePath ? '[^/]' : '[\\s\\S]';
  let out = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === '*') out += `${any}*`;
    else if (c === '?') out += any;
    else if (c === '\\') out += literal(pattern[++i] ?? '\\');
    else if (c === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) {
        out += '\\[';
        continue;
      }
      const set = pattern
        .slice(i + 1, end)
        .replace(/^[!^]/, '^')
        .replaceAll('\\', '\\\\')
        .replace(/\[:(\w+):\]?/g, (_, name) => classes[name as string] ?? '');
      out += `[${set}]`;
      i = end;
    } else out += literal(c);
  }
  return new RegExp(`^${out}$`);
}

const classes: Record<string, string> = {
  digit: '0-9',
  alpha: 'A-Za-z',
  alnum: 'A-Za-z0-9',
  space: '\\s',
  upper: 'A-Z',
  lower: 'a-z',
};

function literal(c: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(c) ? `\\${c}` : c;
}

export function hasGlob(text: string): boolean {
  return /[*?[]/.test(text);
}
