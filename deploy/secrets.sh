#!/usr/bin/env bash
# Makes what compose.yaml needs in deploy/secrets: an authority, one certificate for all
# nodes and whoever submits jobs, the key of the gossip, and a token. What is there stays.
#
#   deploy/secrets.sh [HOST...]    further names or addresses of this machine
set -euo pipefail
cd "$(dirname "$0")"
idag=${IDAG:-../bin/idag}
umask 077
mkdir -p secrets
[ -e secrets/ca.pem ] || "$idag" cert ca --dir secrets
[ -e secrets/node.pem ] || "$idag" cert node --dir secrets node driver standby executor-1 executor-2 executor-3 localhost 127.0.0.1 "$@"
[ -e secrets/gossip.key ] || "$idag" cert key >secrets/gossip.key
[ -e secrets/token ] || "$idag" cert key >secrets/token
# The containers run as user 65532. Where this script may not give files away they are
# readable by all who can enter this directory's parents.
chown -R 65532 secrets/{ca,node,node-key}.pem secrets/gossip.key secrets/token 2>/dev/null || chmod -R go+rX secrets
cat >secrets/env <<END
export IDAG_TO=127.0.0.1:7947,127.0.0.1:7948
export IDAG_CA=$PWD/secrets/ca.pem IDAG_CERT=$PWD/secrets/node.pem IDAG_CERT_KEY=$PWD/secrets/node-key.pem IDAG_TOKEN=file:$PWD/secrets/token
END
echo "made deploy/secrets; keep ca-key.pem elsewhere if it is to be used again"
