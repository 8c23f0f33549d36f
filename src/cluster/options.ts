import type { Dispatch } from '../apiserver/index.ts';
import type { Logger, VirtualClock } from '../base/index.ts';

/** Where a door listens. */
export interface ApiDoorOptions {
  /** Exactly this port when `explicit`, else tried first. */
  readonly port?: number;
  readonly explicit?: boolean;
  /** Tried when nothing is remembered; 0 or absent = any free one. */
  readonly preferred?: number;
}

export interface EtcdDoorsOptions {
  /** One per member. */
  readonly ports?: readonly number[];
  readonly explicit?: boolean;
  readonly preferred?: number;
}

/** Everything a cluster can be told; every default is what `klab up` uses, but that the library keeps all in memory. */
export interface ClusterOptions {
  /** Default `default`. */
  readonly name?: string;
  /** State folder. Absent: nothing outlives the process. */
  readonly dir?: string;
  /** Default: sqlite with a folder, memory without. */
  readonly store?: 'sqlite' | 'memory';
  /** Simulated nodes. Default: those the folder remembers, as they were left; without any, 3. */
  readonly nodes?: number;
  /** Capacity of each node. Default cpu 8, memory 32Gi, pods 110. */
  readonly nodeCapacity?: Readonly<Record<string, string>>;
  /** 1, 3 or 5. Default 1. */
  readonly etcdMembers?: number;
  /** `virtual`: time stands still until it is told to move. Default real. */
  readonly clock?: 'real' | 'virtual' | VirtualClock;
  /** Default: random. */
  readonly seed?: string;
  /** `--controllers`. Default `*`. */
  readonly controllers?: readonly string[];
  /** Default true. */
  readonly scheduler?: boolean;
  /** The HTTPS door. Default: any free port; false: none. */
  readonly api?: ApiDoorOptions | false;
  /**
   * A loopback door for `klab node` and `klab component`, which answers while the API server is stopped. Only for
   * holders of a certificate of system:masters. Default false.
   */
  readonly control?: boolean;
  /** The etcd door. Default: any free port; false: none. */
  readonly etcd?: EtcdDoorsOptions | false;
  /** Default `10.244.0.0/16`, and with more nodes than fit in it `10.128.0.0/9`. */
  readonly podCidr?: string;
  /** Default `10.96.0.0/16`. */
  readonly serviceCidr?: string;
  /**
   * kube-system shows the control plane's pods, kube-proxy and CoreDNS, as on a cluster of kubeadm. Default false: a
   * library's user gets the nodes for himself. `klab up` asks for it.
   */
  readonly systemPods?: boolean;
  /** Ingresses are served on ports of this machine, from the first one on. Default false; `klab up` asks for it. */
  readonly ingress?: boolean;
  /** Cluster DNS answers on a port of this machine, UDP and TCP. Default false; `klab up` asks for it. */
  readonly dns?: boolean;
  /**
   * Services of type LoadBalancer get addresses of 127.0.0.0/8 and listen there on this machine. Default false, where
   * their addresses (192.0.2.0/24) are known inside the cluster only; `klab up` asks for it.
   */
  readonly loadBalancers?: boolean;
  /** Simulated delays of image pulls and container starts are skipped. Default false. */
  readonly instantContainers?: boolean;
  /** Flags of the components under upstream's names, e.g. `{'runtime-config': 'api/beta=true'}`; see componentFlags. */
  readonly flags?: Readonly<Record<string, string>>;
  /**
   * Stands between everybody in process and the API server: what it throws is what they get. For tests of what
   * components do when requests fail and watches break; a StatusError or ConnectionError is what a network gives.
   */
  readonly interpose?: (dispatch: Dispatch) => Dispatch;
  readonly log?: Logger;
  readonly onPhase?: (text: string, detail?: boolean) => void;
  /** Called when etcd members came or went, and `etcdAccess` with them. */
  readonly onEtcdAccess?: () => void;
  /** Ends the boot. */
  readonly signal?: AbortSignal;
}
