/** Program of the background server: `server.js STATE_FOLDER REQUEST_JSON`, started by the launcher through server-start. */
import nodeModule from 'node:module';
import { basename, dirname } from 'node:path';
import { isAbort, StoppedError, wallClock } from '../base/index.ts';
import { ClusterError } from './errors.ts';
import { lockedExitCode, type ServerMessage, type StartRequest } from './launcher.ts';
import { serverLogger } from './log.ts';
import { runServer } from './run-server.ts';
import { clusterPaths } from './state.ts';

const flushAfterMs = 5000;

const [dir, requestJson] = process.argv.slice(2);
if (!dir || !requestJson) {
  process.stderr.write('usage: server STATE_FOLDER REQUEST_JSON (klab up starts this program)\n');
  process.exit(2);
}
const paths = clusterPaths(basename(dir), dirname(dir));
process.title = `klab-server ${paths.name}`;

/** The launcher may be gone (Ctrl-C): that is no reason to stop. */
function tell(message: ServerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    process.send!(message, () => resolve());
  });
}

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => stop.abort(new StoppedError(`received ${signal}`)));
}
process.on('disconnect', () => {});
process.on('error', () => {});

const log = serverLogger();
try {
  await runServer(paths, JSON.parse(requestJson) as StartRequest, {
    signal: stop.signal,
    log,
    onPhase: (phase) => {
      log.info(phase.text, { ms: Math.round(phase.ms) });
      void tell(phase);
    },
    onReady: (info) => {
      log.info('ready', { api: info.api.endpoint, etcd: info.etcd.endpoints });
      void tell({ type: 'ready', info }).then(() => {
        if (process.connected) process.disconnect();
      });
      // Node would write it at the end, which a killed server does not have. Later, when the boot's work is done.
      wallClock.schedule(flushAfterMs, () => nodeModule.flushCompileCache?.());
    },
  });
  log.info('stopped');
  process.exit(0);
} catch (error) {
  if (stop.signal.aborted && isAbort(error)) process.exit(0);
  const code = error instanceof ClusterError ? error.code : 'StartFailed';
  log.error('the server failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  await tell({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  process.exit(code === 'Locked' ? lockedExitCode : 1);
}
