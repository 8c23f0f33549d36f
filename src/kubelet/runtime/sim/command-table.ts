/** Which words are programs, and what becomes of words that are none. */

import { agnhost } from './agnhost.ts';
import { FileError } from './file-system.ts';
import { OutOfMemory } from './out-of-memory.ts';
import type { Process } from './process.ts';
import { pythonProgram } from './python.ts';
import { apache, generalServer, helloWorld, httpd, nginx, pause, perl, redisServer } from './servers.ts';
import { diskCommands } from './shell/commands/disk.ts';
import { fileCommands } from './shell/commands/files.ts';
import type { Program } from './shell/commands/lines.ts';
import { miscCommands, tableCommands } from './shell/commands/misc.ts';
import { netCommands } from './shell/commands/net.ts';
import { stress } from './shell/commands/stress.ts';
import { tar } from './shell/commands/tar.ts';
import { textCommands } from './shell/commands/text.ts';
import { Flow } from './shell/flow.ts';
import type { CommandTable } from './shell/interpreter.ts';
import { webhookCertgen } from './webhook-certgen.ts';

const servers: Record<string, Program> = {
  agnhost,
  hello: helloWorld,
  httpd,
  'httpd-foreground': apache,
  'kube-webhook-certgen': webhookCertgen,
  nginx,
  'nginx-debug': nginx,
  pause,
  perl,
  'redis-server': redisServer,
  'valkey-server': redisServer,
};

/** Servers that exist only in their own images. */
const owners: Readonly<Record<string, string>> = {
  nginx: 'nginx',
  'nginx-debug': 'nginx',
  'redis-server': 'redis',
  'valkey-server': 'redis',
  pause: 'pause',
  agnhost: 'agnhost',
  hello: 'hello-world',
  perl: 'perl',
  'kube-webhook-certgen': 'webhook-certgen',
};

const clients = new Set(['python', 'python3', 'curl', 'redis-cli', 'pg_isready', 'mysqladmin', 'grpc_health_probe']);

/** `programs`: more of them, by name; what the machine's owner brings. */
export function makeCommandTable(programs: Readonly<Record<string, Program>> = {}): CommandTable {
  const table: CommandTable = {
    find: (word, process) => find(word, process, commands, own),
    unknown: (word, process) => unknownWord(word, process),
  };
  const own = { ...servers, 'entrypoint.sh': curlEntrypoint(table), ...programs };
  const commands: Record<string, Program> = {
    ...diskCommands,
    ...fileCommands,
    ...miscCommands,
    ...netCommands,
    ...textCommands,
    ...own,
    python: pythonProgram(notSimulated),
    python3: pythonProgram(notSimulated),
    stress,
    'stress-ng': stress,
    tar,
    ...tableCommands(table),
  };
  return table;
}

/** Upstream: curl-docker's entrypoint. */
function curlEntrypoint(table: CommandTable): Program {
  return async (process, args) => {
    const [word = '', ...rest] = args;
    const program = word.startsWith('-') ? undefined : table.find(word, process);
    return program ? program(process, rest) : table.find('curl', process)!(process, args);
  };
}

function find(
  word: string,
  process: Process,
  commands: Record<string, Program>,
  own: Record<string, Program>,
): Program | undefined {
  const { image, fs } = process.world;
  const base = word.slice(word.lastIndexOf('/') + 1);
  if (word.includes('/')) {
    const file = word.startsWith('/') ? word : `${process.cwd === '/' ? '' : process.cwd}/${word}`;
    // A script that the container wrote or mounted.
    if (fs.stat(file)?.kind === 'file') return async (inner, args) => commands['sh']!(inner, [file, ...args]);
    if (!/^(\/usr)?(\/local)?\/s?bin\//.test(word) && !(base in own)) return undefined;
  }
  const program = Object.hasOwn(commands, base) ? commands[base] : undefined;
  if (!program) return undefined;
  if (owners[base] && owners[base] !== image.family) return undefined;
  // Small images do not bring the clients that bigger ones have.
  if (image.complete && clients.has(base)) return undefined;
  return program;
}

/**
 * A script said a word that the simulation has no program for. An app container runs on, as the server it probably is;
 * an init container must come to an end and fails, saying which word it was.
 */
async function unknownWord(word: string, process: Process): Promise<number> {
  const { config } = process.world;
  await process.complain(`sh: ${word}: not found`);
  if (!process.isInit) return 127;
  if (config.role === 'init') {
    process.world.note(`the command "${word}" is not part of the simulation; the init container fails`);
    throw new Flow('exit', 127);
  }
  throw new Flow(
    'exit',
    await generalServer(process, `the command "${word}" is not part of the simulation; the container runs on`),
  );
}

/** A program is there, but not what it was given to do. An app container runs on, as the server it probably is. */
async function notSimulated(process: Process, what: string): Promise<number> {
  const shown = what.length > 200 ? `${what.slice(0, 200)}…` : what;
  if (process.isInit && process.world.config.role !== 'init') return generalServer(process, `not simulated: ${shown}`);
  await process.complain(`klab: not simulated: ${shown}`);
  return 1;
}

/** Runs a container's or exec's command line. Undefined: there is no such program. */
export function commandOf(
  table: CommandTable,
  process: Process,
  argv: readonly string[],
): (() => Promise<number>) | undefined {
  const [word = '', ...args] = argv;
  const program = table.find(word, process);
  if (!program) return undefined;
  return async () => {
    try {
      return await program(process, args);
    } catch (error) {
      // A server that a script's unknown word became has ended.
      if (error instanceof Flow) return error.value;
      if (error instanceof FileError || error instanceof OutOfMemory) {
        await process.complain(`${word}: ${error.message}`);
        return 1;
      }
      throw error;
    }
  };
}
