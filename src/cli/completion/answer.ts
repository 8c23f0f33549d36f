/**
 * What completion answers, in the protocol of programs made with cobra, which shells' and others' completers speak:
 * a line `VALUE<TAB>DESCRIPTION` for each candidate, and last `:N`, N the sum of these.
 * Upstream: spf13/cobra (ShellCompDirective).
 */
export const directive = {
  /** Something went wrong. */
  error: 1,
  /** No space after the candidate: it goes on. */
  noSpace: 2,
  /** Files are no candidates when there are no others. */
  noFiles: 4,
  /** The candidates are file name extensions. */
  extensions: 8,
  /** Only folders. */
  folders: 16,
  /** The candidates' order matters. */
  keepOrder: 32,
} as const;

export interface Candidate {
  readonly value: string;
  readonly description?: string;
}

export interface Answer {
  readonly candidates: readonly Candidate[];
  readonly directive: number;
}

export const nothing: Answer = { candidates: [], directive: directive.noFiles };
export const anyFile: Answer = { candidates: [], directive: 0 };
export const manifestFiles: Answer = {
  candidates: ['json', 'yaml', 'yml'].map((value) => ({ value })),
  directive: directive.extensions,
};
export const folders: Answer = { candidates: [], directive: directive.folders };

/** Those of the values that begin with `text`. */
export function choice(text: string, values: Iterable<string>, flags: number = directive.noFiles): Answer {
  const candidates = [...values].filter((value) => value.startsWith(text)).map((value) => ({ value }));
  return { candidates, directive: flags };
}

/** The protocol's text. Names with control characters, which a server may well hold, are no candidates. */
export function printAnswer({ candidates, directive: flags }: Answer, descriptions: boolean): string {
  const lines = candidates
    .filter(({ value }) => !/\p{Cc}/u.test(value))
    .map(({ value, description }) =>
      descriptions && description ? `${value}\t${description.replace(/\p{Cc}/gu, ' ')}` : value,
    );
  return [...lines, `:${flags}`, ''].join('\n');
}
