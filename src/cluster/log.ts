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

/** JSON lines on stdout, which the launcher points at server.log. `KLAB_LOG_LEVEL` (default info) sets the level. */
export function serverLogger(level: string = process.env['KLAB_LOG_LEVEL'] ?? 'info'): Logger {
  return wrap(pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 1, sync: true })));
}
