/** What the `klab etcd` commands read of standard input, and programs that they run. */
import { buffer } from 'node:stream/consumers';
import { UserError } from '../exit-codes.ts';

/** All of standard input. @throws UserError on a terminal, where nobody is told to type */
export async function readInput(hint: string): Promise<Uint8Array> {
  if (process.stdin.isTTY) throw new UserError(hint, 2);
  return buffer(process.stdin);
}

/** A password, the first line of standard input. @throws UserError when there is none */
export async function readPassword(name: string): Promise<string> {
  const hint = `the password of ${name} is missing: it comes on standard input`;
  const [line = ''] = Buffer.from(await readInput(hint))
    .toString('utf8')
    .split(/\r?\n/);
  if (line === '') throw new UserError(hint, 2);
  return line;
}

/** Runs a program in this one's place: its input, output and exit code. @throws UserError when it cannot be started */
export async function runProgram(
  [program, ...words]: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const { execa } = await import('execa');
  const ran = await execa(program!, words, { stdio: 'inherit', env, reject: false });
  if (ran.exitCode === undefined && ran.signal === undefined)
    throw new UserError(ran.shortMessage ?? `cannot run ${program}`);
  return ran.exitCode ?? 1;
}
