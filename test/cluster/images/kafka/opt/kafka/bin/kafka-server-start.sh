#!/bin/bash
# kafka-server-start.sh PROPERTIES. Like the real one it writes a log of garbage collections, and needs a place for it.
export KAFKA_HEAP_OPTS="${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G}"
export KAFKA_LOG4J_OPTS="${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/opt/kafka/config/log4j2.yaml}"
gc="${KAFKA_GC_LOG_OPTS:--Xlog:gc*:file=${LOG_DIR:-/opt/kafka/logs}/kafkaServer-gc.log:time,tags:filecount=10,filesize=100M}"
export KAFKA_OPTS="$gc ${KAFKA_OPTS-}"
exec "$(dirname "$0")/kafka-run-class.sh" kafka.Kafka "$@"
