// Package v1 is the application before the split: a customer has a name.
package v1

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Add takes in a customer.
func Add(ctx context.Context, db *pgx.Conn, name string) (id int64, err error) {
	err = db.QueryRow(ctx, "INSERT INTO customers (name) VALUES ($1) RETURNING id", name).Scan(&id)
	return id, err
}

// Rename gives a customer another name.
func Rename(ctx context.Context, db *pgx.Conn, id int64, name string) error {
	_, err := db.Exec(ctx, "UPDATE customers SET name = $2 WHERE id = $1", id, name)
	return err
}

// Name tells a customer's name.
func Name(ctx context.Context, db *pgx.Conn, id int64) (name string, err error) {
	err = db.QueryRow(ctx, "SELECT name FROM customers WHERE id = $1", id).Scan(&name)
	return name, err
}
