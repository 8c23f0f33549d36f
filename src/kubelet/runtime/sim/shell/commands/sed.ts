/** sed with addresses and the commands s, d, p, q, a, i, c, y and =. */

import { normalize } from '../../file-system.ts';
import type { Process } from '../../process.ts';
import { eachInput, eachLine } from './lines.ts';
import { parseArgs } from './options.ts';
import { basicToExtended, posix } from './regex.ts';

type Address = { readonly line: number } | { readonly last: true } | { readonly expression: RegExp };

interface Instruction {
  readonly from?: Address;
  readonly to?: Address;
  readonly negate: boolean;
  readonly command: string;
  readonly expression?: RegExp;
  readonly replacement?: string;
  readonly global?: boolean;
  readonly print?: boolean;
  readonly text?: string;
  active: boolean;
}

class SedError extends Error {}

export async function sed(process: Process, args: readonly string[]): Promise<number> {
  const { flags, values, rest } = parseArgs(args, 'nEre:i', ['expression:', 'quiet', 'regexp-extended']);
  const extended = flags.has('E') || flags.has('r') || flags.has('regexp-extended');
  const given = values.get('e') ?? values.get('expression');
  const [script, ...files] = given === undefined ? rest : [given, ...rest];
  let program: Instruction[];
  try {
    program = parseSed(script ?? '', extended);
  } catch (error) {
    if (!(error instanceof SedError)) throw error;
    await process.complain(`sed: ${error.message}`);
    return 1;
  }
  const quiet = flags.has('n') || flags.has('quiet');
  if (!flags.has('i')) {
    const lines: string[] = [];
    const status = await eachInput('sed', process, files, async (source) => {
      await eachLine(process, source, async (line) => lines.push(line) > 0);
      return true;
    });
    await process.print(runSed(program, lines, quiet));
    return status;
  }
  for (const file of files) {
    const path = normalize(file, process.cwd);
    const text = await process.world.fs.read(path);
    process.world.fs.write(path, runSed(program, text.replace(/\n$/, '').split('\n'), quiet));
  }
  return 0;
}

function parseSed(script: string, extended: boolean): Instruction[] {
  const out: Instruction[] = [];
  let at = 0;
  const regex = (source: string, flags = '') => {
    try {
      return new RegExp(extended ? posix(source) : basicToExtended(posix(source)), flags);
    } catch {
      throw new SedError(`bad regex '${source}'`);
    }
  };
  const until = (delimiter: string): string => {
    let text = '';
    for (; at < script.length && script[at] !== delimiter; at++) {
      if (script[at] === '\\' && script[at + 1] === delimiter) at++;
      else if (script[at] === '\\') text += script[at++];
      text += script[at];
    }
    if (at >= script.length) throw new SedError(`unmatched '${delimiter}'`);
    at++;
    return text;
  };
  const address = (): Address | undefined => {
    const number = /^\d+/.exec(script.slice(at));
    if (number) {
      at += number[0].length;
      return { line: Number(number[0]) };
    }
    if (script[at] === '$') {
      at++;
      return { last: true };
    }
    if (script[at] === '/') {
      at++;
      return { expression: regex(until('/')) };
    }
    return undefined;
  };
  while (at < script.length) {
    if (/[\s;]/.test(script[at]!)) {
      at++;
      continue;
    }
    const from = address();
    let to: Address | undefined;
    if (from && script[at] === ',') {
      at++;
      to = address();
    }
    while (script[at] === ' ') at++;
    const negate = script[at] === '!';
    if (negate) at++;
    const command = script[at++] ?? '';
    const base = { ...(from ? { from } : {}), ...(to ? { to } : {}), negate, command, active: false };
    if (command === 's' || command === 'y') {
      const delimiter = script[at++] ?? '/';
      const source = until(delimiter);
      const replacement = until(delimiter);
      const flags = /^[gpiI0-9]*/.exec(script.slice(at))![0];
      at += flags.length;
      if (command === 'y') out.push({ ...base, text: source, replacement });
      else {
        const jsFlags = (flags.includes('g') ? 'g' : '') + (/[iI]/.test(flags) ? 'i' : '');
        out.push({ ...base, expression: regex(source, jsFlags), replacement, print: flags.includes('p') });
      }
    } else if ('aic'.includes(command)) {
      let end = script.indexOf('\n', at);
      if (end < 0) end = script.length;
      out.push({ ...base, text: script.slice(at, end).replace(/^\\?\s*/, '') });
      at = end;
    } else if ('dpq='.includes(command)) out.push(base);
    else throw new SedError(`unsupported command ${command}`);
  }
  return out;
}

function runSed(program: readonly Instruction[], lines: readonly string[], quiet: boolean): string {
  let out = '';
  for (let i = 0; i < lines.length; i++) {
    let line = lines[i]!;
    let after = '';
    let deleted = false;
    let quit = false;
    for (const step of program) {
      if (selected(step, line, i + 1, i === lines.length - 1) === step.negate) continue;
      if (step.command === 's') {
        const next = line.replace(step.expression!, (...match) => substitute(step.replacement!, match));
        if (next !== line && step.print) out += `${next}\n`;
        line = next;
      } else if (step.command === 'y') {
        const from = [...step.text!];
        const to = [...step.replacement!];
        line = [...line].map((c) => (from.includes(c) ? (to[from.indexOf(c)] ?? c) : c)).join('');
      } else if (step.command === 'p') out += `${line}\n`;
      else if (step.command === '=') out += `${i + 1}\n`;
      else if (step.command === 'i') out += `${step.text}\n`;
      else if (step.command === 'a') after += `${step.text}\n`;
      else if (step.command === 'q') {
        quit = true;
        break;
      } else {
        if (step.command === 'c') out += `${step.text}\n`;
        deleted = true;
        break;
      }
    }
    if (!deleted && !quiet) out += `${line}\n`;
    out += after;
    if (quit) break;
  }
  return out;
}

function selected(step: Instruction, line: string, number: number, last: boolean): boolean {
  const hits = (address: Address) =>
    'line' in address ? address.line === number : 'last' in address ? last : address.expression.test(line);
  if (!step.from) return true;
  if (!step.to) return hits(step.from);
  if (step.active) {
    if (hits(step.to) || ('line' in step.to && number >= step.to.line)) step.active = false;
    return !('line' in step.to && number > step.to.line);
  }
  if (!hits(step.from)) return false;
  step.active = !('line' in step.to && step.to.line <= number);
  return true;
}

/** `&` and `\1`. */
function substitute(replacement: string, match: readonly unknown[]): string {
  return replacement.replace(
    /\\(\d)|\\n|\\t|\\(.)|&/gs,
    (whole, group: string | undefined, escaped: string | undefined) => {
      if (whole === '&') return String(match[0]);
      if (group !== undefined) return String(match[Number(group)] ?? '');
      if (whole === '\\n') return '\n';
      if (whole === '\\t') return '\t';
      return escaped ?? whole;
    },
  );
}
