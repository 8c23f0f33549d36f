export interface Specifier {
  readonly name: string;
  readonly local: string;
}

/** The names between an import's braces, without types: `a, b as c, type D` → a, b as c. */
export function specifiers(list: string): Specifier[] {
  return list
    .replace(/\/\/.*$/gm, '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && !item.startsWith('type '))
    .map((item) => {
      const [name = '', local = name] = item.split(/\s+as\s+/);
      return { name, local };
    });
}
