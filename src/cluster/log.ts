import { pino } from 'pino';
import type { Logger } from '../base/index.ts';

function wrap(logger: pino.Logger): Logger {
  return {
    debug: (msg, fields) => logger.debug(fields ?? {}, msg),
    info: (msg, fields) => logger.info(fields ?? {}, msg),
    warn: (msg, fields) => logger.warn(fields ?? {}, msg),
    error: (msg, fields) => logger.error(fields ?? {}, msg),
    child: (component) => wrap(logger.child({ component })),
  };
}

/** Lines that wait in memory while they cannot be written, in bytes; what comes then is lost. */
const maxWaiting = 256 * 1024;

/**
 * JSON lines on stdout, which the launcher points at server.log. `KLAB_LOG_LEVEL` (default info) sets the level. A full disk
 * costs lines, never the server: those that wait are written when there is room again.
 */
export function serverLogger(level: string = process.env['KLAB_LOG_LEVEL'] ?? 'info', fd = 1): Logger {
  const lines = pino.destination({ fd, sync: true, maxLength: maxWaiting });
  // Nobody could be told: where it would be said is what is full.
  lines.on('error', () => {});
  return wrap(pino({ level, base: { pid: process.pid } }, lines));
}
