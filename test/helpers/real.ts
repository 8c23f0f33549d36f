/** Real programs that tests run against: where they are, and what a test says when they are not. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export function findProgram(name: string): string | undefined {
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
}

/** In CI a missing real part fails; elsewhere the suite says what it misses and is skipped. */
export function missing(...programs: string[]): string[] {
  const absent = programs.filter((name) => findProgram(name) === undefined);
  if (absent.length > 0 && process.env['CI'] === 'true') throw new Error(`missing in CI: ${absent.join(', ')}`);
  if (absent.length > 0) console.warn(`skipped, not installed: ${absent.join(', ')}`);
  return absent;
}

let namespaces: boolean | undefined;

/** Whether this user may make network namespaces (root, or CAP_SYS_ADMIN). */
export function canMakeNamespaces(): boolean {
  if (namespaces === undefined) {
    try {
      execFileSync('unshare', ['-n', 'true'], { stdio: 'ignore' });
      namespaces = true;
    } catch {
      if (process.env['CI'] === 'true') throw new Error('CI must be able to make network namespaces');
      console.warn('skipped, no right to make network namespaces');
      namespaces = false;
    }
  }
  return namespaces;
}
