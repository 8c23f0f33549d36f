/**
 * What manifests run of Python: `-m http.server`, and one-liners that print, sleep, loop for ever and exit. There is no
 * interpreter: anything else is said to be not simulated. Upstream: Lib/http/server.py (3.13).
 */
import { rfc3339 } from '../../../base/index.ts';
import type { HttpResponse } from './fabric-types.ts';
import { normalize } from './file-system.ts';
import type { Process } from './process.ts';
import type { Program } from './shell/commands/lines.ts';

/** `other` runs in place of a program that is not simulated. */
export function pythonProgram(other: (process: Process, what: string) => Promise<number>): Program {
  return async (process, given) => {
    const args = [...given];
    while (/^-[uBEsSIOq]+$/.test(args[0] ?? '')) args.shift();
    const [flag = '', value = '', ...rest] = args;
    if (flag === '-V' || flag === '--version') {
      await process.print('Python 3.13.7\n');
      return 0;
    }
    if (flag === '-m' && value === 'http.server') return httpServer(process, rest);
    const program = flag === '-c' ? parse(value) : undefined;
    return program ? ((await run(process, program)) ?? 0) : other(process, `python ${args.join(' ')}`);
  };
}

async function httpServer(process: Process, args: readonly string[]): Promise<number> {
  let port = 8000;
  let root = process.cwd;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '-d' || args[i] === '--directory') root = normalize(args[++i] ?? '.', process.cwd);
    else if (['-b', '--bind', '-p', '--protocol'].includes(args[i]!)) i++;
    else if (/^\d+$/.test(args[i]!)) port = Number(args[i]);
  }
  try {
    process.world.listen(port, {
      http: async (request, peer) => {
        const answer = await page(process, root, request.path);
        const when = logTime(process.world.clock.now());
        const line = `${peer.ip} - - [${when}] "${request.method} ${request.path} HTTP/1.1"`;
        if (answer.status === 404) await process.complain(`${peer.ip} - - [${when}] code 404, message File not found`);
        await process.complain(`${line} ${answer.status} -`);
        return answer;
      },
    });
  } catch {
    await process.complain('OSError: [Errno 98] Address already in use');
    return 1;
  }
  await process.print(`Serving HTTP on 0.0.0.0 port ${port} (http://0.0.0.0:${port}/) ...\n`);
  // Python does nothing about SIGTERM: as the first process of a container it is killed when the grace period is over.
  await process.waitForSignal('INT');
  await process.print('\nKeyboard interrupt received, exiting.\n');
  return 0;
}

async function page(process: Process, root: string, request: string): Promise<HttpResponse> {
  const { fs } = process.world;
  let path = request.split(/[?#]/)[0]!;
  try {
    path = decodeURIComponent(path);
  } catch {
    // Percent signs that encode nothing stand for themselves.
  }
  const file = normalize(`${root}/${path}`);
  const inside = root === '/' || file === root || file.startsWith(`${root}/`);
  const kind = inside ? fs.stat(file)?.kind : undefined;
  const index = kind === 'dir' && fs.stat(normalize(`${file}/index.html`))?.kind === 'file';
  const html = (status: number, body: string) => response(status, body, 'text/html; charset=utf-8');
  if (kind === 'file' || index) {
    const name = index ? normalize(`${file}/index.html`) : file;
    const type = name.endsWith('.html') ? 'text/html' : name.endsWith('.json') ? 'application/json' : 'text/plain';
    return response(200, await fs.read(name), type);
  }
  if (kind === 'dir') {
    const items = fs.list(file).map((name) => {
      const shown = escapeHtml(fs.stat(normalize(`${file}/${name}`))?.kind === 'dir' ? `${name}/` : name);
      return `<li><a href="${shown}">${shown}</a></li>\n`;
    });
    const title = `Directory listing for ${escapeHtml(path)}`;
    return html(
      200,
      `<!DOCTYPE HTML>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>${title}</title>\n</head>\n<body>\n<h1>${title}</h1>\n<hr>\n<ul>\n${items.join('')}</ul>\n<hr>\n</body>\n</html>\n`,
    );
  }
  return html(404, '<h1>Error response</h1>\n<p>Error code: 404</p>\n<p>Message: File not found.</p>\n');
}

const response = (status: number, body: string, type: string): HttpResponse => ({
  status,
  headers: {
    server: 'SimpleHTTP/0.6 Python/3.13.7',
    'content-type': type,
    'content-length': String(Buffer.byteLength(body)),
  },
  body,
});

const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);

const months = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** `22/Nov/2026 10:00:00`. */
function logTime(ms: number): string {
  const iso = rfc3339(ms);
  const month = Number(iso.slice(5, 7)) - 1;
  return `${iso.slice(8, 10)}/${months.slice(3 * month, 3 * month + 3)}/${iso.slice(0, 4)} ${iso.slice(11, 19)}`;
}

type Statement =
  | { readonly do: 'print'; readonly values: readonly Value[] }
  | { readonly do: 'sleep'; readonly seconds: number }
  | { readonly do: 'exit'; readonly status: number }
  | { readonly do: 'forever'; readonly body: readonly Statement[] };
/** A text, or the environment variable of that name. */
type Value = { readonly text: string } | { readonly env: string };

/** Undefined: something that is not understood. */
function parse(code: string): Statement[] | undefined {
  const lines = code.split('\n').filter((line) => !/^\s*(#.*)?$/.test(line));
  const statements: Statement[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (/^\s/.test(line)) return undefined;
    // What stands before a loop on its line is done once, what stands behind its colon for ever.
    const loop = /^while (?:True|1):\s*(.*)$/.exec(line);
    if (!loop) {
      const parsed = simple(line);
      if (!parsed) return undefined;
      statements.push(...parsed);
      continue;
    }
    const body = loop[1] === '' ? [] : [loop[1]!];
    const indent = /^\s+/.exec(lines[i + 1] ?? '')?.[0];
    while (body.length === 0 || loop[1] === '') {
      const next = lines[i + 1];
      if (!indent || !next?.startsWith(indent) || /^\s/.test(next.slice(indent.length))) break;
      body.push(next.slice(indent.length));
      i++;
    }
    const parsed = body.map(simple);
    if (parsed.length === 0 || parsed.includes(undefined)) return undefined;
    statements.push({ do: 'forever', body: parsed.flatMap((some) => some!) });
  }
  return statements;
}

const literal = String.raw`'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?|os\.environ\[(?:'\w+'|"\w+")\]`;
const printing = new RegExp(`^print\\(\\s*((?:(?:${literal})\\s*(?:,\\s*(?!\\))|(?=\\))))*?)(?:flush=True\\s*)?\\)$`);

/** Statements of one line, divided by semicolons. */
function simple(line: string): Statement[] | undefined {
  const out: Statement[] = [];
  for (const [piece] of line.matchAll(/(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^;'"])+/g)) {
    const statement = piece.trim();
    if (/^(import [\w, .]+|from [\w.]+ import [\w, ]+|pass)?$/.test(statement)) continue;
    const sleep = /^(?:time\.)?sleep\((\d*\.?\d+)\)$/.exec(statement);
    const exit = /^(?:sys\.|os\._)?exit\((\d*)\)$/.exec(statement);
    const print = printing.exec(statement);
    if (sleep) out.push({ do: 'sleep', seconds: Number(sleep[1]) });
    else if (exit) out.push({ do: 'exit', status: Number(exit[1] || 0) & 255 });
    else if (print)
      out.push({
        do: 'print',
        values: [...print[1]!.matchAll(new RegExp(literal, 'g'))].map(([text]) => readValue(text)),
      });
    else return undefined;
  }
  return out;
}

function readValue(text: string): Value {
  const env = /^os\.environ\[.(\w+).\]$/.exec(text)?.[1];
  if (env !== undefined) return { env };
  if (!/^['"]/.test(text)) return { text };
  const escapes: Record<string, string> = { n: '\n', t: '\t', r: '\r' };
  return {
    text: text.slice(1, -1).replace(/\\(.)/gs, (whole, c: string) => escapes[c] ?? ('\'"\\'.includes(c) ? c : whole)),
  };
}

/** The exit code when the program ended itself. */
async function run(process: Process, statements: readonly Statement[]): Promise<number | undefined> {
  for (const statement of statements) {
    await process.step();
    if (statement.do === 'exit') return statement.status;
    if (statement.do === 'sleep') {
      await process.sleep(statement.seconds * 1000);
      if (statement.seconds > 0) process.rested();
    } else if (statement.do === 'forever') {
      for (;;) {
        const status = await run(process, statement.body);
        if (status !== undefined) return status;
        await process.step();
      }
    } else {
      const texts: string[] = [];
      for (const value of statement.values) {
        const text = 'env' in value ? process.env.get(value.env) : value.text;
        if (text === undefined) {
          await process.complain(`KeyError: '${(value as { env: string }).env}'`);
          return 1;
        }
        texts.push(text);
      }
      await process.print(`${texts.join(' ')}\n`);
    }
  }
  return undefined;
}
