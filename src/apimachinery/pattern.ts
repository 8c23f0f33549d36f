/**
 * Regular expressions of users (CRD `pattern`): RE2's language and linear time. V8's engine is used where it provably
 * means the same and cannot backtrack badly; re2js, which is slower and costs an import, for the rest.
 */
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

export interface Pattern {
  /** True when the pattern is found anywhere in the text, as Go's MatchString. */
  test(text: string): boolean;
}

const cacheMax = 1000;
const cache = new Map<string, Pattern>();
let re2: typeof RE2JS | undefined;

/** RE2 for what needs the matches themselves. @throws when RE2 does not accept the pattern. */
export function compileRegex(source: string): RE2JS {
  // Loaded on first need and synchronously: validation is part of a request's deterministic path.
  re2 ??= (createRequire(import.meta.url)('re2js') as { RE2JS: typeof RE2JS }).RE2JS;
  return re2.compile(source);
}

function compileRe2(source: string): Pattern {
  const compiled = compileRegex(source);
  return { test: (text) => compiled.matcher(text).find() };
}

/** Literals, escapes both languages share, plain classes, groups, anchors, quantifiers. */
const sharedSyntax =
  /^(?:[^\\[\](){}*+?|^$.]|\\[dDwWsStnrfv\-./\\^$*+?()[\]{}|]|\[\^?(?:[^\\[\]]|\\[dws\-./\\^$*+?()[\]{}|])+\]|\((?:\?:|(?!\?))|[)^$|*+?.]|\{\d+(?:,\d*)?\})*$/;
/** A group that repeats and has a repetition inside: where backtracking explodes. */
const nestedRepetition = /[*+}][^()]*\)[*+{]|[*+}]\)?[^()]*\)\)?[*+{]|\)\)+[*+{]/;
const repetition = /[*+]|\{\d+,?\d*\}/g;

function isSafe(source: string): boolean {
  if (!sharedSyntax.test(source) || nestedRepetition.test(source)) return false;
  return (source.replace(/\\./g, '').match(repetition) ?? []).length <= 4;
}

/** Cached. @throws when RE2 does not accept the pattern. */
export function compilePattern(source: string): Pattern {
  let pattern = cache.get(source);
  if (!pattern) {
    pattern = isSafe(source) ? new NativePattern(source) : compileRe2(source);
    if (cache.size >= cacheMax) cache.delete(cache.keys().next().value!);
    cache.set(source, pattern);
  }
  return pattern;
}

class NativePattern implements Pattern {
  readonly #source: string;
  readonly #native: RegExp;
  #re2: Pattern | undefined;

  constructor(source: string) {
    this.#source = source;
    this.#native = new RegExp(source);
  }

  test(text: string): boolean {
    // Outside printable ASCII the engines differ: code units, line ends, case of \w.
    if (text.length <= 4096 && /^[ -~]*$/.test(text)) return this.#native.test(text);
    this.#re2 ??= compileRe2(this.#source);
    return this.#re2.test(text);
  }
}
