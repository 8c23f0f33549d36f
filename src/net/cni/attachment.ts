/**
 * What is remembered of an attachment between ADD and DEL, in libcni's own form, so that its cache folder can be read too.
 * Upstream: libcni/api.go (cachedInfo).
 */
import { decodeJson, FormatError, stringifyJson } from '../../apimachinery/index.ts';
import { badRequest, cniCodes } from './cni-error.ts';
import { isObject, type JsonObject } from './config.ts';
import type { Attachment } from './request.ts';
import { type CniResult, readResult } from './result.ts';

export interface RememberedAttachment extends Attachment {
  readonly network: string;
  /** The network's configuration as it was at ADD. */
  readonly config: string;
  /** Of the last plugin of the chain. */
  readonly result: CniResult;
}

const kind = 'cniCacheV1';

/** Upstream's name for the file. */
export const attachmentFile = (network: string, containerId: string, ifname: string): string =>
  `${network}-${containerId}-${ifname}`;

export function encodeAttachment(attachment: RememberedAttachment, result: JsonObject): string {
  return stringifyJson({
    kind,
    containerId: attachment.containerId,
    config: Buffer.from(attachment.config).toString('base64'),
    ifName: attachment.ifname,
    networkName: attachment.network,
    ...(attachment.netns === '' ? {} : { netns: attachment.netns }),
    ...(attachment.args.length === 0 ? {} : { cniArgs: attachment.args }),
    capabilityArgs: attachment.capabilityArgs,
    result,
  });
}

/** @throws CniError (code 6) naming `file`, for what is half-written or something else. */
export function decodeAttachment(text: string, file: string): RememberedAttachment {
  const broken = (why: string) => badRequest(`${file}: not a remembered attachment: ${why}`, cniCodes.decodingFailure);
  let value: unknown;
  try {
    ({ value } = decodeJson(text));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw broken(error.message);
  }
  if (!isObject(value) || value['kind'] !== kind) throw broken(`kind is not ${kind}`);
  const { containerId, config, ifName, networkName, netns = '', cniArgs, capabilityArgs, result } = value;
  if (![containerId, config, ifName, networkName, netns].every((field) => typeof field === 'string')) {
    throw broken('containerId, config, ifName and networkName must be strings');
  }
  return {
    network: networkName as string,
    containerId: containerId as string,
    ifname: ifName as string,
    netns: netns as string,
    config: Buffer.from(config as string, 'base64').toString(),
    args: (cniArgs ?? []) as [string, string][],
    capabilityArgs: (capabilityArgs ?? {}) as JsonObject,
    result: readResult(result),
  };
}
