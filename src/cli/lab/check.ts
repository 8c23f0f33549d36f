/** Runs a lab's check.sh with everything it may count on: klab on its PATH, the cluster's name, a kubeconfig, the library. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { packageRoot } from '../../base/index.ts';
import { UserError } from '../exit-codes.ts';
import { type Lab, labsFolder } from './catalog.ts';

export interface CheckDeps {
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface CheckCluster {
  readonly name: string;
  readonly kubeconfig: string;
  readonly home?: string;
}

/** @returns the script's exit code; 128 + n when signal n ended it. @throws UserError when there is no shell */
export async function runCheck(lab: Lab, cluster: CheckCluster, deps: CheckDeps): Promise<number> {
  const tools = mkdtempSync(join(tmpdir(), 'klab-lab-'));
  try {
    // In a checkout there is no klab on the PATH, and an installed one may be another version.
    writeFileSync(join(tools, 'klab'), `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(program())} "$@"\n`, {
      mode: 0o755,
    });
    const { execa } = await import('execa');
    const child = execa('sh', ['check.sh'], {
      cwd: lab.folder,
      stdio: 'inherit',
      reject: false,
      env: {
        KUBECONFIG: cluster.kubeconfig,
        KLAB_NAME: cluster.name,
        ...(cluster.home !== undefined && { KLAB_HOME: cluster.home }),
        KLAB_LAB: lab.name,
        KLAB_LAB_LIB: join(labsFolder(), 'lib.sh'),
        KLAB_LAB_TMP: tools,
        PATH: `${tools}${delimiter}${process.env['PATH'] ?? ''}`,
      },
    });
    const onAbort = () => child.kill('SIGINT');
    deps.signal.addEventListener('abort', onAbort, { once: true });
    const result = await child;
    deps.signal.removeEventListener('abort', onAbort);
    if (result.exitCode !== undefined) return result.exitCode;
    if (result.signal) return 128 + (constants.signals[result.signal as keyof typeof constants.signals] ?? 0);
    throw new UserError(`cannot run sh, which checks are written for: ${result.originalMessage ?? ''}`, 1, {
      cause: result,
    });
  } finally {
    rmSync(tools, { recursive: true, force: true });
  }
}

const program = () => join(packageRoot(), 'bin', 'klab.js');
const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
