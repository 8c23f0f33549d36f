import type { EtcdError } from '../../etcd/index.ts';

/** What the store itself refuses; the registry turns these into API errors. Upstream: apiserver/pkg/storage/errors.go. */
export type StorageErrorCode = 'KeyNotFound' | 'KeyExists' | 'ResourceVersionConflicts' | 'InvalidObj';

const numbers: Record<StorageErrorCode, number> = {
  KeyNotFound: 1,
  KeyExists: 2,
  ResourceVersionConflicts: 3,
  InvalidObj: 4,
};

const words: Record<StorageErrorCode, string> = {
  KeyNotFound: 'key not found',
  KeyExists: 'key exists',
  ResourceVersionConflicts: 'resource version conflicts',
  InvalidObj: 'invalid object',
};

/** `message` is upstream's text, which clients see inside conflicts. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly key: string;

  constructor(code: StorageErrorCode, key: string, additional = '', resourceVersion = 0) {
    super(
      `StorageError: ${words[code]}, Code: ${numbers[code]}, Key: ${key}, ResourceVersion: ${resourceVersion}, AdditionalErrorMsg: ${additional}`,
    );
    this.code = code;
    this.key = key;
  }
}

export function isStorageError(error: unknown, code: StorageErrorCode): error is StorageError {
  return error instanceof StorageError && error.code === code;
}

/** What a delete or update demands of the object as it is stored. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** @throws StorageError InvalidObj */
export function checkPreconditions(
  preconditions: Preconditions | undefined,
  key: string,
  metadata: { readonly uid?: string; readonly resourceVersion?: string },
): void {
  if (!preconditions) return;
  const { uid, resourceVersion } = preconditions;
  if (uid !== undefined && uid !== metadata.uid) {
    throw new StorageError(
      'InvalidObj',
      key,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid ?? ''}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw new StorageError(
      'InvalidObj',
      key,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion ?? ''}`,
    );
  }
}

/** The store cannot read what it holds: trying again will not help. */
export const isDataLoss = (error: unknown): boolean =>
  error instanceof Error && (error as Partial<EtcdError>).code === 'DataLoss';

/** etcd's own words for revisions it cannot show; over gRPC nothing else tells the two OutOfRange errors apart. */
const compacted = 'etcdserver: mvcc: required revision has been compacted';
const future = 'etcdserver: mvcc: required revision is a future revision';

function outOfRange(error: unknown, message: string): boolean {
  return error instanceof Error && (error as Partial<EtcdError>).code === 'OutOfRange' && error.message === message;
}

export const isCompacted = (error: unknown): boolean => outOfRange(error, compacted);
export const isFutureRevision = (error: unknown): boolean => outOfRange(error, future);
