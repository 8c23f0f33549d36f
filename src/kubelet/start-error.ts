/** A container that could not be started; `reason` becomes the waiting reason. Upstream: kubecontainer's Err values. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason:
    | 'ErrImagePull'
    | 'ImagePullBackOff'
    | 'ErrImageNeverPull'
    | 'InvalidImageName'
    | 'CreateContainerConfigError'
    | 'CreateContainerError'
    | 'RunContainerError'
    | 'PostStartHookError'
    | 'CrashLoopBackOff';
  /** For back-offs: when the next try is due, ms of the cluster clock. */
  readonly retryAt: number | undefined;

  constructor(reason: StartError['reason'], message: string, retryAt?: number) {
    super(message);
    this.reason = reason;
    this.retryAt = retryAt;
  }
}
