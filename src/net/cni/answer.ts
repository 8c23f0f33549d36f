/** What a plugin's exit code, stdout and stderr say. Upstream: pkg/invoke of containernetworking/cni. */
import { decodeJson, FormatError } from '../../apimachinery/index.ts';
import { CniError, type CniErrorDetail, codeMeaning } from './cni-error.ts';
import { isObject } from './config.ts';
import type { PluginRequest } from './request.ts';
import { type CniResult, readResult } from './result.ts';
import { oldestVersion } from './versions.ts';

/** How a plugin's process ended. */
export interface PluginRun {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly signal?: string;
  /** It was killed because it did not end within this. */
  readonly timedOutAfterMs?: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The result of a successful ADD. @throws CniError naming the plugin, for all else. */
export function addAnswer(request: PluginRequest, run: PluginRun, version: string): CniResult {
  const value = succeeded(request, run);
  if (value === undefined) throw garbled(request, run, 'it ended with exit code 0 but wrote no result on its stdout');
  // Only the exit code decides, but what reads as an error and is no result should not be taken for an empty one.
  if (isObject(value) && typeof value['code'] === 'number' && !('ips' in value) && !('interfaces' in value)) {
    throw garbled(request, run, `it ended with exit code 0 but wrote an error: ${said(run.stdout)}`);
  }
  try {
    return readResult(value, version);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw garbled(request, run, `its result is unusable: ${error.message}`, error.detail.code);
  }
}

/** The end of DEL, CHECK, STATUS or GC. @throws CniError unless the exit code is 0. */
export function emptyAnswer(request: PluginRequest, run: PluginRun): undefined {
  if (run.code !== 0) throw failure(request, run);
}

/** The versions that a plugin says it supports. @throws CniError */
export function versionAnswer(request: PluginRequest, run: PluginRun): string[] {
  // Upstream: plugins from before 0.2.0 know no VERSION.
  if (run.code !== 0 && run.code !== null && run.stdout.includes('unknown CNI_COMMAND: VERSION'))
    return [oldestVersion];
  const value = succeeded(request, run);
  const supported = isObject(value) ? value['supportedVersions'] : undefined;
  if (supported === undefined && isObject(value) && value['cniVersion'] === '0.2.0') return ['0.1.0', '0.2.0'];
  if (!Array.isArray(supported) || !supported.every((version) => typeof version === 'string')) {
    throw garbled(request, run, `its answer has no supportedVersions: ${said(run.stdout)}`);
  }
  return supported;
}

function succeeded(request: PluginRequest, run: PluginRun): unknown {
  if (run.code !== 0) throw failure(request, run);
  if (run.stdout.trim() === '') return undefined;
  try {
    return decodeJson(run.stdout).value;
  } catch (error) {
    throw garbled(request, run, `its stdout is not JSON${notJson(error)}: ${said(run.stdout)}`);
  }
}

function notJson(error: unknown): string {
  if (!(error instanceof FormatError)) throw error;
  const { position, message } = error;
  return position === undefined ? ` (${message})` : ` (line ${position.line}, column ${position.column}: ${message})`;
}

function failure(request: PluginRequest, run: PluginRun): CniError {
  if (run.timedOutAfterMs !== undefined) {
    const seconds = run.timedOutAfterMs / 1000;
    return told(request, run, 'timeout', `it did not end within ${seconds} s and was killed`);
  }
  if (run.code === null) return told(request, run, 'killed', `it was killed by ${run.signal ?? 'a signal'}`);
  const text = run.stdout.trim();
  if (text === '') {
    return told(request, run, 'garbled', `it failed with exit code ${run.code} and no error message`);
  }
  let error: unknown;
  try {
    error = decodeJson(text).value;
  } catch (problem) {
    const why = `it failed with exit code ${run.code}, and its error is not JSON${notJson(problem)}: ${said(text)}`;
    return told(request, run, 'garbled', why);
  }
  const { code, msg, details } = isObject(error) ? error : {};
  if (typeof code !== 'number' || typeof msg !== 'string') {
    const why = `it failed with exit code ${run.code}, and its error has no code and msg: ${said(text)}`;
    return told(request, run, 'garbled', why);
  }
  const more = typeof details === 'string' && details !== '' ? { details } : {};
  return told(request, run, 'refused', `code ${code} (${codeMeaning(code)}): ${msg}`, { code, ...more });
}

const garbled = (request: PluginRequest, run: PluginRun, text: string, code?: number) =>
  told(request, run, 'garbled', text, code === undefined ? {} : { code });

function told(
  request: PluginRequest,
  run: PluginRun,
  failureKind: CniErrorDetail['failure'],
  text: string,
  more: Partial<CniErrorDetail> = {},
): CniError {
  const stderr = run.stderr.trim();
  return new CniError(`plugin ${request.type} (${request.command}): ${text}`, {
    failure: failureKind,
    plugin: request.type,
    stdin: request.stdin,
    ...(stderr === '' ? {} : { stderr }),
    ...more,
  });
}

const saidMax = 200;

function said(text: string): string {
  const quoted = JSON.stringify(text.trim().slice(0, saidMax));
  return text.trim().length > saidMax ? `${quoted}…` : quoted;
}
