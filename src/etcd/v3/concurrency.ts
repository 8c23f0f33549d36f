/** etcd's Lock and Election services. Upstream: server/etcdserver/api/{v3lock,v3election}. */
import { bytes, exactInt64, int64, message, nested, serverStream, service, unary } from '../../wire/index.ts';
import { KeyValue, ResponseHeader } from './messages.ts';

const header = nested(1, ResponseHeader);

export const LockRequest = message('v3lockpb.LockRequest', { name: bytes(1), lease: exactInt64(2) });
export const LockResponse = message('v3lockpb.LockResponse', { header, key: bytes(2) });
export const UnlockRequest = message('v3lockpb.UnlockRequest', { key: bytes(1) });
export const UnlockResponse = message('v3lockpb.UnlockResponse', { header });

export const lockService = service('v3lockpb.Lock', {
  lock: unary('Lock', LockRequest, LockResponse),
  unlock: unary('Unlock', UnlockRequest, UnlockResponse),
});

export const LeaderKey = message('v3electionpb.LeaderKey', {
  name: bytes(1),
  key: bytes(2),
  rev: int64(3),
  lease: exactInt64(4),
});
export const CampaignRequest = message('v3electionpb.CampaignRequest', {
  name: bytes(1),
  lease: exactInt64(2),
  value: bytes(3),
});
export const CampaignResponse = message('v3electionpb.CampaignResponse', { header, leader: nested(2, LeaderKey) });
export const ProclaimRequest = message('v3electionpb.ProclaimRequest', {
  leader: nested(1, LeaderKey),
  value: bytes(2),
});
export const ProclaimResponse = message('v3electionpb.ProclaimResponse', { header });
export const LeaderRequest = message('v3electionpb.LeaderRequest', { name: bytes(1) });
export const LeaderResponse = message('v3electionpb.LeaderResponse', { header, kv: nested(2, KeyValue) });
export const ResignRequest = message('v3electionpb.ResignRequest', { leader: nested(1, LeaderKey) });
export const ResignResponse = message('v3electionpb.ResignResponse', { header });

export const electionService = service('v3electionpb.Election', {
  campaign: unary('Campaign', CampaignRequest, CampaignResponse),
  proclaim: unary('Proclaim', ProclaimRequest, ProclaimResponse),
  leader: unary('Leader', LeaderRequest, LeaderResponse),
  observe: serverStream('Observe', LeaderRequest, LeaderResponse),
  resign: unary('Resign', ResignRequest, ResignResponse),
});
