export type ClusterErrorCode =
  | 'NotHere'
  | 'InvalidName'
  | 'InvalidOption'
  | 'DamagedState'
  | 'StateExists'
  | 'Locked'
  | 'PortInUse'
  | 'StartFailed'
  | 'StartTimeout'
  | 'NotRunning'
  | 'StopTimeout';

/** What goes wrong around a cluster's life, in words for its user. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code: ClusterErrorCode;
  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
