/** `klab test -- CMD`: a cluster of its own for one command, gone when the command ends, however it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bringUp, type StartRequest, takeDown } from './cluster.ts';
import { exitCodes, UserError } from './exit-codes.ts';

export interface TestClusterRequest {
  readonly start: StartRequest;
  readonly timeoutMs: number;
}

export interface TestRequest extends TestClusterRequest {
  readonly command: readonly string[];
}

/** The words by which programs find the cluster. */
export interface TestCluster {
  readonly name: string;
  readonly home: string;
  readonly kubeconfig: string;
}

export interface TestDeps {
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

const clusterName = 'test';

/**
 * Runs the command with KUBECONFIG (and KLAB_HOME, KLAB_NAME for klab itself) of a fresh cluster, its standard streams
 * our own.
 * @returns its exit code; 128 + n when signal n ended it.
 */
export async function runInTestCluster(request: TestRequest, deps: TestDeps): Promise<number> {
  const [command, ...args] = request.command;
  if (command === undefined)
    throw new UserError('give the command to run behind --: klab test -- npm test', exitCodes.usage);
  return withTestCluster(request, deps, async ({ name, home, kubeconfig }) => {
    const { execa } = await import('execa');
    const child = execa(command, args, {
      stdio: 'inherit',
      reject: false,
      env: { KUBECONFIG: kubeconfig, KLAB_HOME: home, KLAB_NAME: name },
    });
    // A terminal's Ctrl-C reaches the command by itself; a signal sent to us alone must be passed on.
    const onAbort = () => child.kill('SIGINT');
    deps.signal.addEventListener('abort', onAbort, { once: true });
    const result = await child;
    deps.signal.removeEventListener('abort', onAbort);
    if (result.exitCode !== undefined) return result.exitCode;
    if (result.signal) return 128 + (constants.signals[result.signal as keyof typeof constants.signals] ?? 0);
    throw new UserError(`cannot run ${command}: ${result.originalMessage ?? result.shortMessage}`, 1, {
      cause: result,
    });
  });
}

/** A cluster in a folder of its own for as long as `work` takes; nothing of it is left, however it ends. */
export async function withTestCluster<T>(
  request: TestClusterRequest,
  deps: TestDeps,
  work: (cluster: TestCluster) => Promise<T>,
): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), 'klab-test-'));
  const before = process.env['KLAB_HOME'];
  process.env['KLAB_HOME'] = home;
  let serverPid: number | undefined;
  // A second Ctrl-C ends this process at once: even then nothing is left behind.
  const lastResort = () => {
    if (serverPid !== undefined) {
      try {
        process.kill(serverPid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', lastResort);
  try {
    const { info } = await bringUp(clusterName, request.start, { signal: deps.signal, timeoutMs: request.timeoutMs });
    serverPid = info.pid;
    return await work({ name: clusterName, home, kubeconfig: info.kubeconfig });
  } finally {
    await takeDown(clusterName, { purge: true }).catch((error) => deps.say(`warning: ${(error as Error).message}`));
    process.off('exit', lastResort);
    lastResort();
    if (before === undefined) delete process.env['KLAB_HOME'];
    else process.env['KLAB_HOME'] = before;
  }
}
