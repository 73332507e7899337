package pgtest

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(Run(m)) }

func TestEachServerIsTheVersionItSays(t *testing.T) {
	Each(t, func(t *testing.T, s *Server) {
		conn, err := pgx.Connect(context.Background(), s.Database(t))
		require.NoError(t, err)
		defer conn.Close(context.Background())
		var v string
		require.NoError(t, conn.QueryRow(context.Background(), "SHOW server_version").Scan(&v))
		require.True(t, strings.HasPrefix(v, s.Version), v)
	})
}
