#!/bin/bash
# kafka-run-class.sh CLASS [ARGUMENTS], with the variables of the distribution's script. Compiles for a short life.
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} \
  ${KAFKA_JVM_PERFORMANCE_OPTS:--server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:TieredStopAtLevel=1 -Djava.awt.headless=true} \
  "-Dkafka.logs.dir=${LOG_DIR:-/opt/kafka/logs}" \
  ${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/opt/kafka/config/tools-log4j2.yaml} ${KAFKA_JMX_OPTS-} ${KAFKA_OPTS-} \
  -cp "${CLASSPATH:+$CLASSPATH:}/opt/kafka/libs/*" "$@"
