/** The embedded etcd, in process and through its door, does what a real etcd does (test/real runs the same there). */
import { RemoteKV, serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { type ConformanceSubject, kvConformance } from './kv-conformance.ts';

const inProcess =
  (store: 'memory' | 'sqlite', members: number, member: number) => async (): Promise<ConformanceSubject> => {
    const { cluster, close } = await testEtcd(store, { members });
    return { kv: cluster.member(member), close };
  };

const throughTheDoor =
  (store: 'memory' | 'sqlite', members: number, member: number) => async (): Promise<ConformanceSubject> => {
    const { cluster, close } = await testEtcd(store, { members });
    const door = await serveEtcd(cluster.member(member));
    const kv = new RemoteKV({ endpoints: [door.url] });
    return {
      kv,
      close: async () => {
        kv.close();
        await door.close();
        await close();
      },
    };
  };

kvConformance('one member in memory, in process', inProcess('memory', 1, 0));
kvConformance('one member on SQLite, in process', inProcess('sqlite', 1, 0));
kvConformance('three members on SQLite, each asked in turn: the last', inProcess('sqlite', 3, 2));
kvConformance('one member in memory, through its door', throughTheDoor('memory', 1, 0));
kvConformance('three members on SQLite, through the door of the last', throughTheDoor('sqlite', 3, 2));
