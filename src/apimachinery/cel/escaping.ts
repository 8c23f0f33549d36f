/** Property names as CEL identifiers and back. Upstream: apiserver/pkg/cel/escaping.go. */

export const reservedWords: ReadonlySet<string> = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var ' +
    'void while'
  ).split(' '),
);

const replacements: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};
const originals: Readonly<Record<string, string>> = { underscores: '__', dot: '.', dash: '-', slash: '/' };

/** undefined: no expression can name the property. */
export function escapeName(name: string): string | undefined {
  if (name === '' || /^[0-9]/.test(name)) return undefined;
  if (reservedWords.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z0-9\-./_]*$/.test(name)) return undefined;
  return name.replace(/__|[-./]/g, (part) => replacements[part]!);
}

export function unescapeName(escaped: string): string | undefined {
  if (!escaped.includes('__')) return escaped;
  let valid = true;
  const name = escaped.replace(/__[^_]+__/g, (part) => {
    const inner = part.slice(2, -2);
    if (Object.hasOwn(originals, inner)) return originals[inner]!;
    if (!reservedWords.has(inner) || part.length !== escaped.length) valid = false;
    return inner;
  });
  return valid ? name : undefined;
}
