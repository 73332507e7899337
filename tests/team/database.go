package team

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// startDatabase makes an empty cluster of databases and serves it, over TLS and with the statistics that migrations ask for.
const startDatabase = `set -e
cd /` + postgresHome + `/bin
./initdb -D /data/db -U postgres -E UTF8 --locale=C --auth=scram-sha-256 --pwfile=/secret/password --no-sync
echo 'hostssl all all all scram-sha-256' >>/data/db/pg_hba.conf
exec ./postgres -D /data/db -k /data -c listen_addresses=* -c fsync=off -c shared_buffers=32MB \
  -c ssl=on -c ssl_cert_file=/secret/tls.crt -c ssl_key_file=/secret/tls.key \
  -c shared_preload_libraries=pg_stat_statements`

// Database is a PostgreSQL in a namespace.
type Database struct {
	namespace *Namespace
	password  string
}

// ProvideDatabase runs a real PostgreSQL in the namespace, under the name database. Its database app belongs to the role app,
// which reads statistics; the URL for that role is in the Secret "database", and the ConfigMap "sluice-ca" vouches for the certificate.
func (n *Namespace) ProvideDatabase(ctx context.Context) (*Database, error) {
	image, err := n.databaseImage(ctx)
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := n.databaseSecrets(ctx, password); err != nil {
		return nil, fmt.Errorf("making the secrets of the database: %w", err)
	}
	if err := n.serve(ctx, n.Name, databasePod(image), 5432); err != nil {
		return nil, err
	}
	if err := n.waitUntilReady(ctx, n.Name, "database"); err != nil {
		return nil, err
	}
	d := &Database{namespace: n, password: password}
	for _, each := range []struct{ database, sql string }{
		{"postgres", "CREATE ROLE app LOGIN PASSWORD '" + password + "' IN ROLE pg_read_all_stats"},
		{"postgres", "CREATE DATABASE app OWNER app"},
		{"app", "CREATE EXTENSION pg_stat_statements"},
	} {
		if err := d.exec(ctx, each.database, each.sql); err != nil {
			return nil, fmt.Errorf("preparing the database: %w", err)
		}
	}
	return d, nil
}

func (n *Namespace) databaseSecrets(ctx context.Context, password string) error {
	certificate, key, err := selfSigned("database")
	if err != nil {
		return err
	}
	maps := n.Kube.CoreV1().ConfigMaps(n.Name)
	trusted, err := maps.Get(ctx, "sluice-ca", metav1.GetOptions{})
	if err != nil {
		return err
	}
	trusted.Data["database.crt"] = string(certificate)
	if _, err := maps.Update(ctx, trusted, metav1.UpdateOptions{}); err != nil {
		return err
	}
	for name, data := range map[string]map[string]string{
		"database":        {"url": "postgres://app:" + password + "@database:5432/app?sslmode=verify-full"},
		"database-server": {"password": password, "tls.crt": string(certificate), "tls.key": string(key)},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
		if _, err := n.Kube.CoreV1().Secrets(n.Name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func databasePod(image string) *corev1.Pod {
	pod := restrictedPod("database", corev1.Container{
		Image: image, Command: []string{"/bin/sh", "-c", startDatabase},
		VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}, {Name: "secret", MountPath: "/secret"}},
	})
	groupOnly := int32(0o440)
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "database-server", DefaultMode: &groupOnly}}},
	}
	return pod
}

// Connect connects this machine to the database app as its owner, under the name of an application.
func (d *Database) Connect(ctx context.Context, application string) (*pgx.Conn, error) {
	return d.connect(ctx, "app", "app", application)
}

func (d *Database) exec(ctx context.Context, database, sql string) error {
	conn, err := d.connect(ctx, "postgres", database, "")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (d *Database) connect(ctx context.Context, role, database, application string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 user=%s password=%s dbname=%s application_name='%s' sslmode=require",
		role, d.password, database, application))
	if err != nil {
		return nil, err
	}
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.namespace.dial(ctx, "database", 5432)
	}
	return pgx.ConnectConfig(ctx, config)
}
