#!/usr/bin/env bash
# Apache Kafka for development and tests: one node in KRaft mode on loopback, without containers.
#
#   kafka.sh jars DIR                            take its jars into DIR/libs (needs Maven)
#   kafka.sh run DIR PORT DATA [NAME=VALUE ...]  run it in the foreground with those jars (needs Java 17);
#                                                DATA is formatted if it is new, NAME=VALUE are broker settings
#
# It listens on PORT (clients) and PORT+1 (controller). SIGTERM stops it in order, SIGKILL is a broker's crash.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

fail() { echo "kafka.sh: $*" >&2; exit 2; }
usage() { sed -n '3,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
need() { command -v "$1" >/dev/null || fail "$1 is not on PATH: install $2"; }

jars() {
  need mvn "Maven"
  mkdir -p "$1"
  local dir
  dir=$(cd "$1" && pwd)
  rm -rf "$dir/libs.new"
  mvn --quiet --batch-mode --strict-checksums --file "$here/pom.xml" \
    dependency:copy-dependencies -DoutputDirectory="$dir/libs.new"
  rm -rf "$dir/libs"
  mv "$dir/libs.new" "$dir/libs" # whole or not at all
}

settings() { # PORT CONTROLLER DATA NAME=VALUE...
  cat <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$2
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$3/log
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
END
  shift 3
  [ $# -eq 0 ] || printf '%s\n' "$@"
}

cluster_id() { # 16 random bytes; Kafka refuses one that looks like an option
  echo "b$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)"
}

run() {
  need java "Java 17 or later"
  compgen -G "$1/libs/kafka_*.jar" >/dev/null || fail "no Kafka jars in $1/libs: run 'make jars'"
  local libs port=$2 data
  libs=$(cd "$1/libs" && pwd)
  mkdir -p "$3/tmp"
  data=$(cd "$3" && pwd)
  shift 3
  settings "$port" $((port + 1)) "$data" "$@" > "$data/server.properties"
  local options=(-cp "$libs/*" -Djava.io.tmpdir="$data/tmp" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn)
  if [ ! -f "$data/log/meta.properties" ]; then
    java -XX:TieredStopAtLevel=1 "${options[@]}" kafka.tools.StorageTool \
      format --standalone -t "$(cluster_id)" -c "$data/server.properties"
  fi
  exec java -Xmx1g "${options[@]}" kafka.Kafka "$data/server.properties"
}

case "${1:-}" in
  jars) [ $# -eq 2 ] || usage; jars "$2" ;;
  run) [ $# -ge 4 ] || usage; shift; run "$@" ;;
  *) usage ;;
esac
